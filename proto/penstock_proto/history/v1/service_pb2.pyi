from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_ORDER_UNSPECIFIED: _ClassVar[RunOrder]
    RUN_ORDER_NEWEST: _ClassVar[RunOrder]
    RUN_ORDER_OLDEST: _ClassVar[RunOrder]

class NodeOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_ORDER_UNSPECIFIED: _ClassVar[NodeOrder]
    NODE_ORDER_PLAN: _ClassVar[NodeOrder]
    NODE_ORDER_STARTED: _ClassVar[NodeOrder]
    NODE_ORDER_DURATION: _ClassVar[NodeOrder]
RUN_ORDER_UNSPECIFIED: RunOrder
RUN_ORDER_NEWEST: RunOrder
RUN_ORDER_OLDEST: RunOrder
NODE_ORDER_UNSPECIFIED: NodeOrder
NODE_ORDER_PLAN: NodeOrder
NODE_ORDER_STARTED: NodeOrder
NODE_ORDER_DURATION: NodeOrder

class RunFilter(_message.Message):
    __slots__ = ("workflow", "team", "user", "states", "labels", "from_us", "before_us", "search", "registered", "ended_from_us")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    BEFORE_US_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FROM_US_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    team: str
    user: str
    states: _containers.RepeatedScalarFieldContainer[_events_pb2.RunState]
    labels: _containers.ScalarMap[str, str]
    from_us: int
    before_us: int
    search: str
    registered: str
    ended_from_us: int
    def __init__(self, workflow: _Optional[str] = ..., team: _Optional[str] = ..., user: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_events_pb2.RunState, str]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., from_us: _Optional[int] = ..., before_us: _Optional[int] = ..., search: _Optional[str] = ..., registered: _Optional[str] = ..., ended_from_us: _Optional[int] = ...) -> None: ...

class RunRecord(_message.Message):
    __slots__ = ("run_id", "plan", "workflow", "team", "caller", "options", "state", "submitted_at_us", "ended_at_us", "shard", "first_seq", "last_seq", "counts", "failed_node", "failure", "retries", "busy_us")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_NODE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    BUSY_US_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan: bytes
    workflow: str
    team: str
    caller: _events_pb2.Caller
    options: _events_pb2.RunOptions
    state: _events_pb2.RunState
    submitted_at_us: int
    ended_at_us: int
    shard: int
    first_seq: int
    last_seq: int
    counts: Counts
    failed_node: str
    failure: str
    retries: int
    busy_us: int
    def __init__(self, run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., workflow: _Optional[str] = ..., team: _Optional[str] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., options: _Optional[_Union[_events_pb2.RunOptions, _Mapping]] = ..., state: _Optional[_Union[_events_pb2.RunState, str]] = ..., submitted_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., shard: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., counts: _Optional[_Union[Counts, _Mapping]] = ..., failed_node: _Optional[str] = ..., failure: _Optional[str] = ..., retries: _Optional[int] = ..., busy_us: _Optional[int] = ...) -> None: ...

class Counts(_message.Message):
    __slots__ = ("nodes", "running", "succeeded", "failed", "skipped", "cancelled")
    NODES_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    nodes: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    def __init__(self, nodes: _Optional[int] = ..., running: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., skipped: _Optional[int] = ..., cancelled: _Optional[int] = ...) -> None: ...

class Lag(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: int
    def __init__(self, events: _Optional[int] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token", "order", "after")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    filter: RunFilter
    page_size: int
    page_token: str
    order: RunOrder
    after: RunPlace
    def __init__(self, filter: _Optional[_Union[RunFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order: _Optional[_Union[RunOrder, str]] = ..., after: _Optional[_Union[RunPlace, _Mapping]] = ...) -> None: ...

class RunPlace(_message.Message):
    __slots__ = ("submitted_at_us", "run_id")
    SUBMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    submitted_at_us: int
    run_id: bytes
    def __init__(self, submitted_at_us: _Optional[int] = ..., run_id: _Optional[bytes] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token", "lag", "position")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunRecord]
    next_page_token: str
    lag: Lag
    position: int
    def __init__(self, runs: _Optional[_Iterable[_Union[RunRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., lag: _Optional[_Union[Lag, _Mapping]] = ..., position: _Optional[int] = ...) -> None: ...

class ListChangesRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: int
    limit: int
    def __init__(self, after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListChangesResponse(_message.Message):
    __slots__ = ("runs", "removed", "position", "more")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunRecord]
    removed: _containers.RepeatedScalarFieldContainer[bytes]
    position: int
    more: bool
    def __init__(self, runs: _Optional[_Iterable[_Union[RunRecord, _Mapping]]] = ..., removed: _Optional[_Iterable[bytes]] = ..., position: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class CountRunsRequest(_message.Message):
    __slots__ = ("filter",)
    FILTER_FIELD_NUMBER: _ClassVar[int]
    filter: RunFilter
    def __init__(self, filter: _Optional[_Union[RunFilter, _Mapping]] = ...) -> None: ...

class CountRunsResponse(_message.Message):
    __slots__ = ("counts", "lag")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[StateCount]
    lag: Lag
    def __init__(self, counts: _Optional[_Iterable[_Union[StateCount, _Mapping]]] = ..., lag: _Optional[_Union[Lag, _Mapping]] = ...) -> None: ...

class StateCount(_message.Message):
    __slots__ = ("state", "runs", "capped")
    STATE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CAPPED_FIELD_NUMBER: _ClassVar[int]
    state: _events_pb2.RunState
    runs: int
    capped: bool
    def __init__(self, state: _Optional[_Union[_events_pb2.RunState, str]] = ..., runs: _Optional[int] = ..., capped: _Optional[bool] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run", "operators", "inputs", "critical_path")
    RUN_FIELD_NUMBER: _ClassVar[int]
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_PATH_FIELD_NUMBER: _ClassVar[int]
    run: RunRecord
    operators: _containers.RepeatedCompositeFieldContainer[OperatorSummary]
    inputs: _containers.RepeatedCompositeFieldContainer[NamedValue]
    critical_path: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run: _Optional[_Union[RunRecord, _Mapping]] = ..., operators: _Optional[_Iterable[_Union[OperatorSummary, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[NamedValue, _Mapping]]] = ..., critical_path: _Optional[_Iterable[int]] = ...) -> None: ...

class NamedValue(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: _value_pb2.Value
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class OperatorSummary(_message.Message):
    __slots__ = ("operator", "counts", "retries", "busy_us", "p50_us", "p95_us", "max_us", "waited_us", "first_us", "last_us")
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    BUSY_US_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    MAX_US_FIELD_NUMBER: _ClassVar[int]
    WAITED_US_FIELD_NUMBER: _ClassVar[int]
    FIRST_US_FIELD_NUMBER: _ClassVar[int]
    LAST_US_FIELD_NUMBER: _ClassVar[int]
    operator: str
    counts: Counts
    retries: int
    busy_us: int
    p50_us: int
    p95_us: int
    max_us: int
    waited_us: int
    first_us: int
    last_us: int
    def __init__(self, operator: _Optional[str] = ..., counts: _Optional[_Union[Counts, _Mapping]] = ..., retries: _Optional[int] = ..., busy_us: _Optional[int] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ..., max_us: _Optional[int] = ..., waited_us: _Optional[int] = ..., first_us: _Optional[int] = ..., last_us: _Optional[int] = ...) -> None: ...

class ListNodesRequest(_message.Message):
    __slots__ = ("run_id", "operator", "statuses", "order", "page_size", "page_token")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    operator: str
    statuses: _containers.RepeatedScalarFieldContainer[str]
    order: NodeOrder
    page_size: int
    page_token: str
    def __init__(self, run_id: _Optional[bytes] = ..., operator: _Optional[str] = ..., statuses: _Optional[_Iterable[str]] = ..., order: _Optional[_Union[NodeOrder, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNodesResponse(_message.Message):
    __slots__ = ("nodes", "next_page_token", "total")
    NODES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[NodeRecord]
    next_page_token: str
    total: int
    def __init__(self, nodes: _Optional[_Iterable[_Union[NodeRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class NodeRecord(_message.Message):
    __slots__ = ("node", "name", "operator", "status", "attempts", "ready_us", "started_us", "ended_us", "duration_us")
    NODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    READY_US_FIELD_NUMBER: _ClassVar[int]
    STARTED_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    node: int
    name: str
    operator: str
    status: str
    attempts: int
    ready_us: int
    started_us: int
    ended_us: int
    duration_us: int
    def __init__(self, node: _Optional[int] = ..., name: _Optional[str] = ..., operator: _Optional[str] = ..., status: _Optional[str] = ..., attempts: _Optional[int] = ..., ready_us: _Optional[int] = ..., started_us: _Optional[int] = ..., ended_us: _Optional[int] = ..., duration_us: _Optional[int] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CompareResponse(_message.Message):
    __slots__ = ("runs", "inputs", "operators", "same_plan")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPERATORS_FIELD_NUMBER: _ClassVar[int]
    SAME_PLAN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunRecord]
    inputs: _containers.RepeatedCompositeFieldContainer[InputRow]
    operators: _containers.RepeatedCompositeFieldContainer[OperatorRow]
    same_plan: bool
    def __init__(self, runs: _Optional[_Iterable[_Union[RunRecord, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[InputRow, _Mapping]]] = ..., operators: _Optional[_Iterable[_Union[OperatorRow, _Mapping]]] = ..., same_plan: _Optional[bool] = ...) -> None: ...

class InputRow(_message.Message):
    __slots__ = ("name", "values", "differs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    differs: bool
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., differs: _Optional[bool] = ...) -> None: ...

class OperatorRow(_message.Message):
    __slots__ = ("operator", "summaries")
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SUMMARIES_FIELD_NUMBER: _ClassVar[int]
    operator: str
    summaries: _containers.RepeatedCompositeFieldContainer[OperatorSummary]
    def __init__(self, operator: _Optional[str] = ..., summaries: _Optional[_Iterable[_Union[OperatorSummary, _Mapping]]] = ...) -> None: ...

class ListArtifactsRequest(_message.Message):
    __slots__ = ("artifact", "type_name", "workflow", "operator", "team", "search", "run_id", "page_size", "page_token")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    artifact: bytes
    type_name: str
    workflow: str
    operator: str
    team: str
    search: str
    run_id: bytes
    page_size: int
    page_token: str
    def __init__(self, artifact: _Optional[bytes] = ..., type_name: _Optional[str] = ..., workflow: _Optional[str] = ..., operator: _Optional[str] = ..., team: _Optional[str] = ..., search: _Optional[str] = ..., run_id: _Optional[bytes] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListArtifactsResponse(_message.Message):
    __slots__ = ("artifacts", "next_page_token", "lag")
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedCompositeFieldContainer[ArtifactRecord]
    next_page_token: str
    lag: Lag
    def __init__(self, artifacts: _Optional[_Iterable[_Union[ArtifactRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., lag: _Optional[_Union[Lag, _Mapping]] = ...) -> None: ...

class ArtifactRecord(_message.Message):
    __slots__ = ("value", "recorded_at_us", "run_id", "plan", "workflow", "team", "node", "place", "port", "node_name", "operator")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    NODE_NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    value: _value_pb2.Value
    recorded_at_us: int
    run_id: bytes
    plan: bytes
    workflow: str
    team: str
    node: int
    place: int
    port: str
    node_name: str
    operator: str
    def __init__(self, value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., recorded_at_us: _Optional[int] = ..., run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., workflow: _Optional[str] = ..., team: _Optional[str] = ..., node: _Optional[int] = ..., place: _Optional[int] = ..., port: _Optional[str] = ..., node_name: _Optional[str] = ..., operator: _Optional[str] = ...) -> None: ...

class StatisticsRequest(_message.Message):
    __slots__ = ("from_day", "before_day", "workflow", "team", "operator", "by")
    FROM_DAY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_DAY_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    from_day: int
    before_day: int
    workflow: str
    team: str
    operator: str
    by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, from_day: _Optional[int] = ..., before_day: _Optional[int] = ..., workflow: _Optional[str] = ..., team: _Optional[str] = ..., operator: _Optional[str] = ..., by: _Optional[_Iterable[str]] = ...) -> None: ...

class StatisticsResponse(_message.Message):
    __slots__ = ("rows", "more", "lag")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[StatisticsRow]
    more: bool
    lag: Lag
    def __init__(self, rows: _Optional[_Iterable[_Union[StatisticsRow, _Mapping]]] = ..., more: _Optional[bool] = ..., lag: _Optional[_Union[Lag, _Mapping]] = ...) -> None: ...

class StatisticsRow(_message.Message):
    __slots__ = ("workflow", "team", "operator", "day", "succeeded", "failed", "cancelled", "skipped", "retries", "busy_us", "p50_us", "p95_us")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    BUSY_US_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    team: str
    operator: str
    day: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    retries: int
    busy_us: int
    p50_us: int
    p95_us: int
    def __init__(self, workflow: _Optional[str] = ..., team: _Optional[str] = ..., operator: _Optional[str] = ..., day: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., skipped: _Optional[int] = ..., retries: _Optional[int] = ..., busy_us: _Optional[int] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("lag", "writes", "runs", "open_runs", "events_taken")
    LAG_FIELD_NUMBER: _ClassVar[int]
    WRITES_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    OPEN_RUNS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_TAKEN_FIELD_NUMBER: _ClassVar[int]
    lag: Lag
    writes: bool
    runs: int
    open_runs: int
    events_taken: int
    def __init__(self, lag: _Optional[_Union[Lag, _Mapping]] = ..., writes: _Optional[bool] = ..., runs: _Optional[int] = ..., open_runs: _Optional[int] = ..., events_taken: _Optional[int] = ...) -> None: ...

class RebuildRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RebuildResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
