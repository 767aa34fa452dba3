from penstock_proto.plan.v1 import plan_pb2 as _plan_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListWorkersRequest(_message.Message):
    __slots__ = ("pool",)
    POOL_FIELD_NUMBER: _ClassVar[int]
    pool: str
    def __init__(self, pool: _Optional[str] = ...) -> None: ...

class ListWorkersResponse(_message.Message):
    __slots__ = ("workers",)
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    def __init__(self, workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("worker", "pool", "host", "version", "executor", "capacity", "used", "actions", "silent_s", "draining")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SILENT_S_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    worker: str
    pool: str
    host: str
    version: str
    executor: str
    capacity: _plan_pb2.Resources
    used: _plan_pb2.Resources
    actions: int
    silent_s: float
    draining: bool
    def __init__(self, worker: _Optional[str] = ..., pool: _Optional[str] = ..., host: _Optional[str] = ..., version: _Optional[str] = ..., executor: _Optional[str] = ..., capacity: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., used: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., actions: _Optional[int] = ..., silent_s: _Optional[float] = ..., draining: _Optional[bool] = ...) -> None: ...

class ListPoolsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPoolsResponse(_message.Message):
    __slots__ = ("pools", "state_trackers", "dependency_managers")
    POOLS_FIELD_NUMBER: _ClassVar[int]
    STATE_TRACKERS_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_MANAGERS_FIELD_NUMBER: _ClassVar[int]
    pools: _containers.RepeatedCompositeFieldContainer[Pool]
    state_trackers: _containers.RepeatedScalarFieldContainer[str]
    dependency_managers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pools: _Optional[_Iterable[_Union[Pool, _Mapping]]] = ..., state_trackers: _Optional[_Iterable[str]] = ..., dependency_managers: _Optional[_Iterable[str]] = ...) -> None: ...

class Pool(_message.Message):
    __slots__ = ("pool", "epoch", "capacity", "used", "queued", "delayed", "granted", "workers")
    POOL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    pool: str
    epoch: int
    capacity: _plan_pb2.Resources
    used: _plan_pb2.Resources
    queued: int
    delayed: int
    granted: int
    workers: int
    def __init__(self, pool: _Optional[str] = ..., epoch: _Optional[int] = ..., capacity: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., used: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., queued: _Optional[int] = ..., delayed: _Optional[int] = ..., granted: _Optional[int] = ..., workers: _Optional[int] = ...) -> None: ...

class FitRequest(_message.Message):
    __slots__ = ("pool", "needs")
    POOL_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    pool: str
    needs: _containers.RepeatedCompositeFieldContainer[_plan_pb2.Resources]
    def __init__(self, pool: _Optional[str] = ..., needs: _Optional[_Iterable[_Union[_plan_pb2.Resources, _Mapping]]] = ...) -> None: ...

class FitResponse(_message.Message):
    __slots__ = ("pools", "lacks")
    POOLS_FIELD_NUMBER: _ClassVar[int]
    LACKS_FIELD_NUMBER: _ClassVar[int]
    pools: _containers.RepeatedScalarFieldContainer[str]
    lacks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pools: _Optional[_Iterable[str]] = ..., lacks: _Optional[_Iterable[str]] = ...) -> None: ...

class WhyRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class WhyResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[WhyLine]
    def __init__(self, lines: _Optional[_Iterable[_Union[WhyLine, _Mapping]]] = ...) -> None: ...

class WhyLine(_message.Message):
    __slots__ = ("node", "attempt", "text")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    node: int
    attempt: int
    text: str
    def __init__(self, node: _Optional[int] = ..., attempt: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...
