from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CallKey(_message.Message):
    __slots__ = ("team", "operator", "parts")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    team: str
    operator: str
    parts: _containers.RepeatedCompositeFieldContainer[KeyPart]
    def __init__(self, team: _Optional[str] = ..., operator: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[KeyPart, _Mapping]]] = ...) -> None: ...

class KeyPart(_message.Message):
    __slots__ = ("kind", "name", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    value: bytes
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class FindResultRequest(_message.Message):
    __slots__ = ("execution", "name", "call", "lifetime_s", "no_cache", "problem", "waits")
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_S_FIELD_NUMBER: _ClassVar[int]
    NO_CACHE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    execution: LogKey
    name: str
    call: CallKey
    lifetime_s: float
    no_cache: bool
    problem: str
    waits: bool
    def __init__(self, execution: _Optional[_Union[LogKey, _Mapping]] = ..., name: _Optional[str] = ..., call: _Optional[_Union[CallKey, _Mapping]] = ..., lifetime_s: _Optional[float] = ..., no_cache: _Optional[bool] = ..., problem: _Optional[str] = ..., waits: _Optional[bool] = ...) -> None: ...

class FindResultResponse(_message.Message):
    __slots__ = ("found", "outputs", "reuse", "is_expected")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    IS_EXPECTED_FIELD_NUMBER: _ClassVar[int]
    found: bool
    outputs: _value_pb2.Values
    reuse: _events_pb2.Reuse
    is_expected: bool
    def __init__(self, found: _Optional[bool] = ..., outputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ..., reuse: _Optional[_Union[_events_pb2.Reuse, _Mapping]] = ..., is_expected: _Optional[bool] = ...) -> None: ...

class KeepResultRequest(_message.Message):
    __slots__ = ("execution", "name", "call", "outputs")
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    execution: LogKey
    name: str
    call: CallKey
    outputs: _value_pb2.Values
    def __init__(self, execution: _Optional[_Union[LogKey, _Mapping]] = ..., name: _Optional[str] = ..., call: _Optional[_Union[CallKey, _Mapping]] = ..., outputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ...) -> None: ...

class KeepResultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KeptResult(_message.Message):
    __slots__ = ("call", "outputs", "origin")
    CALL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    call: CallKey
    outputs: _value_pb2.Values
    origin: _events_pb2.Reuse
    def __init__(self, call: _Optional[_Union[CallKey, _Mapping]] = ..., outputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ..., origin: _Optional[_Union[_events_pb2.Reuse, _Mapping]] = ...) -> None: ...

class ExplainResultRequest(_message.Message):
    __slots__ = ("run_id", "node", "item")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ...) -> None: ...

class ExplainResultResponse(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: CacheDecision
    def __init__(self, decision: _Optional[_Union[CacheDecision, _Mapping]] = ...) -> None: ...

class CacheDecision(_message.Message):
    __slots__ = ("attempt", "name", "call", "hit", "reason", "nearest", "nearest_origin", "at_us")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    HIT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    NEAREST_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    name: str
    call: CallKey
    hit: _events_pb2.Reuse
    reason: str
    nearest: CallKey
    nearest_origin: _events_pb2.Reuse
    at_us: int
    def __init__(self, attempt: _Optional[int] = ..., name: _Optional[str] = ..., call: _Optional[_Union[CallKey, _Mapping]] = ..., hit: _Optional[_Union[_events_pb2.Reuse, _Mapping]] = ..., reason: _Optional[str] = ..., nearest: _Optional[_Union[CallKey, _Mapping]] = ..., nearest_origin: _Optional[_Union[_events_pb2.Reuse, _Mapping]] = ..., at_us: _Optional[int] = ...) -> None: ...

class ForgetResultsRequest(_message.Message):
    __slots__ = ("team", "operator", "run_id", "node")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    team: str
    operator: str
    run_id: bytes
    node: int
    def __init__(self, team: _Optional[str] = ..., operator: _Optional[str] = ..., run_id: _Optional[bytes] = ..., node: _Optional[int] = ...) -> None: ...

class ForgetResultsResponse(_message.Message):
    __slots__ = ("forgotten",)
    FORGOTTEN_FIELD_NUMBER: _ClassVar[int]
    forgotten: int
    def __init__(self, forgotten: _Optional[int] = ...) -> None: ...

class MissingRequest(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, artifacts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SweepRequest(_message.Message):
    __slots__ = ("keep", "grace_s", "dry_run", "complete")
    KEEP_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    keep: _containers.RepeatedScalarFieldContainer[bytes]
    grace_s: float
    dry_run: bool
    complete: bool
    def __init__(self, keep: _Optional[_Iterable[bytes]] = ..., grace_s: _Optional[float] = ..., dry_run: _Optional[bool] = ..., complete: _Optional[bool] = ...) -> None: ...

class SweepResponse(_message.Message):
    __slots__ = ("removed", "removed_bytes", "kept", "kept_bytes")
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    KEPT_BYTES_FIELD_NUMBER: _ClassVar[int]
    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int
    def __init__(self, removed: _Optional[int] = ..., removed_bytes: _Optional[int] = ..., kept: _Optional[int] = ..., kept_bytes: _Optional[int] = ...) -> None: ...

class RemoveLogsRequest(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RemoveLogsResponse(_message.Message):
    __slots__ = ("removed_bytes",)
    REMOVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    removed_bytes: int
    def __init__(self, removed_bytes: _Optional[int] = ...) -> None: ...

class MissingResponse(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, artifacts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("artifact", "chunk")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    chunk: bytes
    def __init__(self, artifact: _Optional[bytes] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("artifact", "size_bytes")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    size_bytes: int
    def __init__(self, artifact: _Optional[bytes] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("artifact", "offset")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    offset: int
    def __init__(self, artifact: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("chunk", "size_bytes")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    size_bytes: int
    def __init__(self, chunk: _Optional[bytes] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class LogKey(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt", "grant")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("at_us", "text")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    text: str
    def __init__(self, at_us: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class AppendLogRequest(_message.Message):
    __slots__ = ("key", "lines", "progress")
    KEY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    progress: Progress
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("at_us", "done", "total", "text", "line")
    AT_US_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    at_us: int
    done: float
    total: float
    text: str
    line: str
    def __init__(self, at_us: _Optional[int] = ..., done: _Optional[float] = ..., total: _Optional[float] = ..., text: _Optional[str] = ..., line: _Optional[str] = ...) -> None: ...

class AppendLogResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadLogRequest(_message.Message):
    __slots__ = ("run_id", "node", "follow", "from_us", "last", "before_us", "text")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    BEFORE_US_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    follow: bool
    from_us: int
    last: int
    before_us: int
    text: str
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., follow: _Optional[bool] = ..., from_us: _Optional[int] = ..., last: _Optional[int] = ..., before_us: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class ReadLogResponse(_message.Message):
    __slots__ = ("key", "lines")
    KEY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ...) -> None: ...

class ReadProgressRequest(_message.Message):
    __slots__ = ("run_id", "nodes")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    nodes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[bytes] = ..., nodes: _Optional[_Iterable[int]] = ...) -> None: ...

class ReadProgressResponse(_message.Message):
    __slots__ = ("executions",)
    EXECUTIONS_FIELD_NUMBER: _ClassVar[int]
    executions: _containers.RepeatedCompositeFieldContainer[ExecutionProgress]
    def __init__(self, executions: _Optional[_Iterable[_Union[ExecutionProgress, _Mapping]]] = ...) -> None: ...

class ExecutionProgress(_message.Message):
    __slots__ = ("key", "progress")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    progress: Progress
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...

class CheckpointHead(_message.Message):
    __slots__ = ("codec", "size_bytes", "digest")
    CODEC_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    codec: str
    size_bytes: int
    digest: bytes
    def __init__(self, codec: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class PutCheckpointRequest(_message.Message):
    __slots__ = ("key", "head", "chunk")
    KEY_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    key: LogKey
    head: CheckpointHead
    chunk: bytes
    def __init__(self, key: _Optional[_Union[LogKey, _Mapping]] = ..., head: _Optional[_Union[CheckpointHead, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PutCheckpointResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCheckpointRequest(_message.Message):
    __slots__ = ("run_id", "node", "item")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ...) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("head", "chunk")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    head: CheckpointHead
    chunk: bytes
    def __init__(self, head: _Optional[_Union[CheckpointHead, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class RemoveCheckpointsRequest(_message.Message):
    __slots__ = ("run_id", "node", "item")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ...) -> None: ...

class RemoveCheckpointsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
