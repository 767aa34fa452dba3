from penstock_proto.plan.v1 import plan_pb2 as _plan_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActionBatch(_message.Message):
    __slots__ = ("shard", "epoch", "from_seq", "to_seq", "instructions")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    epoch: int
    from_seq: int
    to_seq: int
    instructions: _containers.RepeatedCompositeFieldContainer[Instruction]
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., from_seq: _Optional[int] = ..., to_seq: _Optional[int] = ..., instructions: _Optional[_Iterable[_Union[Instruction, _Mapping]]] = ...) -> None: ...

class Instruction(_message.Message):
    __slots__ = ("start", "stop", "recorded", "running", "hold")
    START_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    start: Start
    stop: Stop
    recorded: Recorded
    running: Running
    hold: Hold
    def __init__(self, start: _Optional[_Union[Start, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., recorded: _Optional[_Union[Recorded, _Mapping]] = ..., running: _Optional[_Union[Running, _Mapping]] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt", "plan", "bundle", "kind", "resources", "delay_s", "timeout_s", "team", "pool", "priority", "inputs", "operator", "traceparent", "running_grant", "running_worker", "stopping", "remaining_s", "held", "template", "path", "no_cache")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    DELAY_S_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_GRANT_FIELD_NUMBER: _ClassVar[int]
    RUNNING_WORKER_FIELD_NUMBER: _ClassVar[int]
    STOPPING_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    NO_CACHE_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    plan: bytes
    bundle: bytes
    kind: _plan_pb2.NodeKind
    resources: _plan_pb2.Resources
    delay_s: float
    timeout_s: float
    team: str
    pool: str
    priority: int
    inputs: _containers.RepeatedCompositeFieldContainer[_value_pb2.ValueRef]
    operator: str
    traceparent: str
    running_grant: int
    running_worker: str
    stopping: bool
    remaining_s: float
    held: bool
    template: int
    path: _containers.RepeatedScalarFieldContainer[int]
    no_cache: bool
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., plan: _Optional[bytes] = ..., bundle: _Optional[bytes] = ..., kind: _Optional[_Union[_plan_pb2.NodeKind, str]] = ..., resources: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., delay_s: _Optional[float] = ..., timeout_s: _Optional[float] = ..., team: _Optional[str] = ..., pool: _Optional[str] = ..., priority: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[_value_pb2.ValueRef, _Mapping]]] = ..., operator: _Optional[str] = ..., traceparent: _Optional[str] = ..., running_grant: _Optional[int] = ..., running_worker: _Optional[str] = ..., stopping: _Optional[bool] = ..., remaining_s: _Optional[float] = ..., held: _Optional[bool] = ..., template: _Optional[int] = ..., path: _Optional[_Iterable[int]] = ..., no_cache: _Optional[bool] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("run_id", "released")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    released: bool
    def __init__(self, run_id: _Optional[bytes] = ..., released: _Optional[bool] = ...) -> None: ...

class Running(_message.Message):
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

class Recorded(_message.Message):
    __slots__ = ("run_id", "node", "item", "attempt", "grant", "seq")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    seq: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...
