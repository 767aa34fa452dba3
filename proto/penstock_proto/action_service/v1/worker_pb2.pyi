from penstock_proto.plan.v1 import plan_pb2 as _plan_pb2
from penstock_proto.state_tracker.v1 import reports_pb2 as _reports_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectRequest(_message.Message):
    __slots__ = ("register", "heartbeat", "report", "reports", "drain")
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    register: Register
    heartbeat: Heartbeat
    report: _reports_pb2.Report
    reports: Reports
    drain: Drain
    def __init__(self, register: _Optional[_Union[Register, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., report: _Optional[_Union[_reports_pb2.Report, _Mapping]] = ..., reports: _Optional[_Union[Reports, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("welcome", "orders")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    orders: Orders
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., orders: _Optional[_Union[Orders, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("worker", "incarnation", "pool", "capacity", "version", "executor", "held", "host")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    worker: str
    incarnation: str
    pool: str
    capacity: _plan_pb2.Resources
    version: str
    executor: str
    held: _containers.RepeatedCompositeFieldContainer[Grant]
    host: str
    def __init__(self, worker: _Optional[str] = ..., incarnation: _Optional[str] = ..., pool: _Optional[str] = ..., capacity: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., version: _Optional[str] = ..., executor: _Optional[str] = ..., held: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ..., host: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Drain(_message.Message):
    __slots__ = ("leaving",)
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    leaving: bool
    def __init__(self, leaving: _Optional[bool] = ...) -> None: ...

class Reports(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[_reports_pb2.Report]
    def __init__(self, reports: _Optional[_Iterable[_Union[_reports_pb2.Report, _Mapping]]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("epoch", "lease_s")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    lease_s: float
    def __init__(self, epoch: _Optional[int] = ..., lease_s: _Optional[float] = ...) -> None: ...

class Orders(_message.Message):
    __slots__ = ("recorded", "stop", "grants")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    recorded: _containers.RepeatedScalarFieldContainer[int]
    stop: _containers.RepeatedScalarFieldContainer[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, recorded: _Optional[_Iterable[int]] = ..., stop: _Optional[_Iterable[int]] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("grant", "run_id", "node", "item", "attempt", "plan", "bundle", "resources", "timeout_s", "inputs", "operator", "traceparent", "team", "refs", "shard", "inputs_file", "template", "path", "no_cache")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    REFS_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FILE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    NO_CACHE_FIELD_NUMBER: _ClassVar[int]
    grant: int
    run_id: bytes
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    plan: bytes
    bundle: bytes
    resources: _plan_pb2.Resources
    timeout_s: float
    inputs: _containers.RepeatedCompositeFieldContainer[NodeValues]
    operator: str
    traceparent: str
    team: str
    refs: _containers.RepeatedCompositeFieldContainer[_value_pb2.ValueRef]
    shard: int
    inputs_file: str
    template: int
    path: _containers.RepeatedScalarFieldContainer[int]
    no_cache: bool
    def __init__(self, grant: _Optional[int] = ..., run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., plan: _Optional[bytes] = ..., bundle: _Optional[bytes] = ..., resources: _Optional[_Union[_plan_pb2.Resources, _Mapping]] = ..., timeout_s: _Optional[float] = ..., inputs: _Optional[_Iterable[_Union[NodeValues, _Mapping]]] = ..., operator: _Optional[str] = ..., traceparent: _Optional[str] = ..., team: _Optional[str] = ..., refs: _Optional[_Iterable[_Union[_value_pb2.ValueRef, _Mapping]]] = ..., shard: _Optional[int] = ..., inputs_file: _Optional[str] = ..., template: _Optional[int] = ..., path: _Optional[_Iterable[int]] = ..., no_cache: _Optional[bool] = ...) -> None: ...

class NodeValues(_message.Message):
    __slots__ = ("node", "values")
    NODE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    node: int
    values: _value_pb2.Values
    def __init__(self, node: _Optional[int] = ..., values: _Optional[_Union[_value_pb2.Values, _Mapping]] = ...) -> None: ...
