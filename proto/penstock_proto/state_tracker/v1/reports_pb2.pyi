from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportBatch(_message.Message):
    __slots__ = ("shard", "reports")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    reports: _containers.RepeatedCompositeFieldContainer[Report]
    def __init__(self, shard: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[Report, _Mapping]]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt", "grant", "worker", "started", "succeeded", "failed")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    worker: str
    started: Started
    succeeded: Succeeded
    failed: Failed
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ..., worker: _Optional[str] = ..., started: _Optional[_Union[Started, _Mapping]] = ..., succeeded: _Optional[_Union[Succeeded, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Succeeded(_message.Message):
    __slots__ = ("outputs", "duration_us", "reuse")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    outputs: _value_pb2.Values
    duration_us: int
    reuse: _events_pb2.Reuse
    def __init__(self, outputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ..., duration_us: _Optional[int] = ..., reuse: _Optional[_Union[_events_pb2.Reuse, _Mapping]] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("cause", "failure", "duration_us", "final", "returned")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    RETURNED_FIELD_NUMBER: _ClassVar[int]
    cause: _events_pb2.Cause
    failure: _events_pb2.Failure
    duration_us: int
    final: bool
    returned: bool
    def __init__(self, cause: _Optional[_Union[_events_pb2.Cause, str]] = ..., failure: _Optional[_Union[_events_pb2.Failure, _Mapping]] = ..., duration_us: _Optional[int] = ..., final: _Optional[bool] = ..., returned: _Optional[bool] = ...) -> None: ...
