from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DiagnoseRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DiagnoseResponse(_message.Message):
    __slots__ = ("instance", "now_us", "databases", "idle_runs", "broker", "damaged_shards", "undecided_reports")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    DATABASES_FIELD_NUMBER: _ClassVar[int]
    IDLE_RUNS_FIELD_NUMBER: _ClassVar[int]
    BROKER_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_SHARDS_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_REPORTS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    now_us: int
    databases: _containers.RepeatedCompositeFieldContainer[DatabaseHealth]
    idle_runs: _containers.RepeatedCompositeFieldContainer[IdleRun]
    broker: BrokerHealth
    damaged_shards: _containers.RepeatedCompositeFieldContainer[DamagedShard]
    undecided_reports: _containers.RepeatedCompositeFieldContainer[UndecidedReport]
    def __init__(self, instance: _Optional[str] = ..., now_us: _Optional[int] = ..., databases: _Optional[_Iterable[_Union[DatabaseHealth, _Mapping]]] = ..., idle_runs: _Optional[_Iterable[_Union[IdleRun, _Mapping]]] = ..., broker: _Optional[_Union[BrokerHealth, _Mapping]] = ..., damaged_shards: _Optional[_Iterable[_Union[DamagedShard, _Mapping]]] = ..., undecided_reports: _Optional[_Iterable[_Union[UndecidedReport, _Mapping]]] = ...) -> None: ...

class DamagedShard(_message.Message):
    __slots__ = ("shard", "reason")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    shard: int
    reason: str
    def __init__(self, shard: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class UndecidedReport(_message.Message):
    __slots__ = ("run_id", "node", "error")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    error: str
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class DatabaseHealth(_message.Message):
    __slots__ = ("name", "error", "version", "settings", "ahead_s", "shards")
    class SettingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    AHEAD_S_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    error: str
    version: str
    settings: _containers.ScalarMap[str, str]
    ahead_s: float
    shards: _containers.RepeatedCompositeFieldContainer[ShardOwner]
    def __init__(self, name: _Optional[str] = ..., error: _Optional[str] = ..., version: _Optional[str] = ..., settings: _Optional[_Mapping[str, str]] = ..., ahead_s: _Optional[float] = ..., shards: _Optional[_Iterable[_Union[ShardOwner, _Mapping]]] = ...) -> None: ...

class ShardOwner(_message.Message):
    __slots__ = ("shard", "owner", "address", "seq")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    shard: int
    owner: str
    address: str
    seq: int
    def __init__(self, shard: _Optional[int] = ..., owner: _Optional[str] = ..., address: _Optional[str] = ..., seq: _Optional[int] = ...) -> None: ...

class IdleRun(_message.Message):
    __slots__ = ("run_id", "plan_name", "idle_s")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    IDLE_S_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan_name: str
    idle_s: float
    def __init__(self, run_id: _Optional[bytes] = ..., plan_name: _Optional[str] = ..., idle_s: _Optional[float] = ...) -> None: ...

class BrokerHealth(_message.Message):
    __slots__ = ("address", "connected", "error", "topics", "dropped_messages", "dead_letters")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    address: str
    connected: bool
    error: str
    topics: _containers.RepeatedCompositeFieldContainer[TopicHealth]
    dropped_messages: int
    dead_letters: int
    def __init__(self, address: _Optional[str] = ..., connected: _Optional[bool] = ..., error: _Optional[str] = ..., topics: _Optional[_Iterable[_Union[TopicHealth, _Mapping]]] = ..., dropped_messages: _Optional[int] = ..., dead_letters: _Optional[int] = ...) -> None: ...

class TopicHealth(_message.Message):
    __slots__ = ("name", "partitions", "configs")
    class ConfigsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    partitions: int
    configs: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., partitions: _Optional[int] = ..., configs: _Optional[_Mapping[str, str]] = ...) -> None: ...
