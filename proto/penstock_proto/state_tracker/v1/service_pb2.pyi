from penstock_proto.state_tracker.v1 import diagnosis_pb2 as _diagnosis_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as _events_pb2
from penstock_proto.state_tracker.v1 import reports_pb2 as _reports_pb2
from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NODE_STATUS_UNSPECIFIED: _ClassVar[NodeStatus]
    NODE_STATUS_WAITING: _ClassVar[NodeStatus]
    NODE_STATUS_RUNNING: _ClassVar[NodeStatus]
    NODE_STATUS_SUCCEEDED: _ClassVar[NodeStatus]
    NODE_STATUS_FAILED: _ClassVar[NodeStatus]
    NODE_STATUS_SKIPPED: _ClassVar[NodeStatus]
    NODE_STATUS_CANCELLED: _ClassVar[NodeStatus]
    NODE_STATUS_NOT_TAKEN: _ClassVar[NodeStatus]
    NODE_STATUS_TEMPLATE: _ClassVar[NodeStatus]
NODE_STATUS_UNSPECIFIED: NodeStatus
NODE_STATUS_WAITING: NodeStatus
NODE_STATUS_RUNNING: NodeStatus
NODE_STATUS_SUCCEEDED: NodeStatus
NODE_STATUS_FAILED: NodeStatus
NODE_STATUS_SKIPPED: NodeStatus
NODE_STATUS_CANCELLED: NodeStatus
NODE_STATUS_NOT_TAKEN: NodeStatus
NODE_STATUS_TEMPLATE: NodeStatus

class InfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InfoResponse(_message.Message):
    __slots__ = ("version", "shards", "deployment_id", "artifact_folder", "artifact_address", "action_services", "registry_address", "history_address", "notifications_address")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FOLDER_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_SERVICES_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATIONS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    version: str
    shards: int
    deployment_id: str
    artifact_folder: str
    artifact_address: str
    action_services: _containers.RepeatedScalarFieldContainer[str]
    registry_address: str
    history_address: str
    notifications_address: str
    def __init__(self, version: _Optional[str] = ..., shards: _Optional[int] = ..., deployment_id: _Optional[str] = ..., artifact_folder: _Optional[str] = ..., artifact_address: _Optional[str] = ..., action_services: _Optional[_Iterable[str]] = ..., registry_address: _Optional[str] = ..., history_address: _Optional[str] = ..., notifications_address: _Optional[str] = ...) -> None: ...

class PutPlanRequest(_message.Message):
    __slots__ = ("chunk", "caller")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    caller: _events_pb2.Caller
    def __init__(self, chunk: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ...) -> None: ...

class PutPlanResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    def __init__(self, plan: _Optional[bytes] = ...) -> None: ...

class GetPlanRequest(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    def __init__(self, plan: _Optional[bytes] = ...) -> None: ...

class GetPlanResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("run_id", "plan", "caller", "inputs", "options", "fork", "parent")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    FORK_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan: bytes
    caller: _events_pb2.Caller
    inputs: _containers.MessageMap[str, _value_pb2.Value]
    options: _events_pb2.RunOptions
    fork: Fork
    parent: Parent
    def __init__(self, run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., inputs: _Optional[_Mapping[str, _value_pb2.Value]] = ..., options: _Optional[_Union[_events_pb2.RunOptions, _Mapping]] = ..., fork: _Optional[_Union[Fork, _Mapping]] = ..., parent: _Optional[_Union[Parent, _Mapping]] = ...) -> None: ...

class Parent(_message.Message):
    __slots__ = ("run_id", "node", "depth")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    depth: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., depth: _Optional[int] = ...) -> None: ...

class Fork(_message.Message):
    __slots__ = ("run_id", "reused")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    reused: _events_pb2.Successes
    def __init__(self, run_id: _Optional[bytes] = ..., reused: _Optional[_Union[_events_pb2.Successes, _Mapping]] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunSummary
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("plan", "inputs")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    PLAN_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    inputs: _containers.MessageMap[str, _value_pb2.Value]
    def __init__(self, plan: _Optional[bytes] = ..., inputs: _Optional[_Mapping[str, _value_pb2.Value]] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("problems",)
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[InputProblem]
    def __init__(self, problems: _Optional[_Iterable[_Union[InputProblem, _Mapping]]] = ...) -> None: ...

class InputProblem(_message.Message):
    __slots__ = ("input", "pointer", "detail")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    POINTER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    input: str
    pointer: str
    detail: str
    def __init__(self, input: _Optional[str] = ..., pointer: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class SubmitManyRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SubmitRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SubmitRequest, _Mapping]]] = ...) -> None: ...

class SubmitManyResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[SubmitOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[SubmitOutcome, _Mapping]]] = ...) -> None: ...

class SubmitOutcome(_message.Message):
    __slots__ = ("run", "code", "detail", "owner")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    run: RunSummary
    code: int
    detail: str
    owner: str
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ..., code: _Optional[int] = ..., detail: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class ResultsRequest(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ResultsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[RunResult]
    def __init__(self, results: _Optional[_Iterable[_Union[RunResult, _Mapping]]] = ...) -> None: ...

class RunResult(_message.Message):
    __slots__ = ("run_id", "state", "plan", "outputs", "failed_node", "failure", "code", "detail", "owner")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_NODE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    state: _events_pb2.RunState
    plan: bytes
    outputs: _containers.RepeatedCompositeFieldContainer[NodeOutputs]
    failed_node: int
    failure: _events_pb2.ActionFailed
    code: int
    detail: str
    owner: str
    def __init__(self, run_id: _Optional[bytes] = ..., state: _Optional[_Union[_events_pb2.RunState, str]] = ..., plan: _Optional[bytes] = ..., outputs: _Optional[_Iterable[_Union[NodeOutputs, _Mapping]]] = ..., failed_node: _Optional[int] = ..., failure: _Optional[_Union[_events_pb2.ActionFailed, _Mapping]] = ..., code: _Optional[int] = ..., detail: _Optional[str] = ..., owner: _Optional[str] = ...) -> None: ...

class NodeOutputs(_message.Message):
    __slots__ = ("node", "values")
    NODE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    node: int
    values: _value_pb2.Values
    def __init__(self, node: _Optional[int] = ..., values: _Optional[_Union[_value_pb2.Values, _Mapping]] = ...) -> None: ...

class RunSummary(_message.Message):
    __slots__ = ("run_id", "plan", "plan_name", "caller", "team", "state", "submitted_at_us", "ended_at_us", "shard", "first_seq", "last_seq", "counts", "options", "nodes")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan: bytes
    plan_name: str
    caller: _events_pb2.Caller
    team: str
    state: _events_pb2.RunState
    submitted_at_us: int
    ended_at_us: int
    shard: int
    first_seq: int
    last_seq: int
    counts: NodeCounts
    options: _events_pb2.RunOptions
    nodes: int
    def __init__(self, run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., plan_name: _Optional[str] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., team: _Optional[str] = ..., state: _Optional[_Union[_events_pb2.RunState, str]] = ..., submitted_at_us: _Optional[int] = ..., ended_at_us: _Optional[int] = ..., shard: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., counts: _Optional[_Union[NodeCounts, _Mapping]] = ..., options: _Optional[_Union[_events_pb2.RunOptions, _Mapping]] = ..., nodes: _Optional[int] = ...) -> None: ...

class NodeCounts(_message.Message):
    __slots__ = ("waiting", "running", "succeeded", "failed", "skipped")
    WAITING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    waiting: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    def __init__(self, waiting: _Optional[int] = ..., running: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RunSummary
    def __init__(self, run: _Optional[_Union[RunSummary, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("team", "plan_name", "states", "page_size", "page_token")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    team: str
    plan_name: str
    states: _containers.RepeatedScalarFieldContainer[_events_pb2.RunState]
    page_size: int
    page_token: str
    def __init__(self, team: _Optional[str] = ..., plan_name: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_events_pb2.RunState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token", "databases_away")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DATABASES_AWAY_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RunSummary]
    next_page_token: str
    databases_away: int
    def __init__(self, runs: _Optional[_Iterable[_Union[RunSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., databases_away: _Optional[int] = ...) -> None: ...

class FindRunsRequest(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: str
    def __init__(self, part: _Optional[str] = ...) -> None: ...

class FindRunsResponse(_message.Message):
    __slots__ = ("run_ids",)
    RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    run_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, run_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("run_id", "caller", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    caller: _events_pb2.Caller
    reason: str
    def __init__(self, run_id: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _events_pb2.RunState
    def __init__(self, state: _Optional[_Union[_events_pb2.RunState, str]] = ...) -> None: ...

class SignalRequest(_message.Message):
    __slots__ = ("run_id", "name", "value", "caller", "comment", "id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    name: str
    value: _value_pb2.Value
    caller: _events_pb2.Caller
    comment: str
    id: bytes
    def __init__(self, run_id: _Optional[bytes] = ..., name: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., comment: _Optional[str] = ..., id: _Optional[bytes] = ...) -> None: ...

class SignalResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RetryRequest(_message.Message):
    __slots__ = ("run_id", "caller", "parent_run_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PARENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    caller: _events_pb2.Caller
    parent_run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., parent_run_id: _Optional[bytes] = ...) -> None: ...

class RetryResponse(_message.Message):
    __slots__ = ("state", "reopened")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REOPENED_FIELD_NUMBER: _ClassVar[int]
    state: _events_pb2.RunState
    reopened: int
    def __init__(self, state: _Optional[_Union[_events_pb2.RunState, str]] = ..., reopened: _Optional[int] = ...) -> None: ...

class PauseRequest(_message.Message):
    __slots__ = ("run_id", "caller", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    caller: _events_pb2.Caller
    reason: str
    def __init__(self, run_id: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class PauseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ("run_id", "caller")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    caller: _events_pb2.Caller
    def __init__(self, run_id: _Optional[bytes] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ...) -> None: ...

class ResumeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveRunRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    def __init__(self, run_id: _Optional[bytes] = ...) -> None: ...

class RemoveRunResponse(_message.Message):
    __slots__ = ("removed_at_us",)
    REMOVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    removed_at_us: int
    def __init__(self, removed_at_us: _Optional[int] = ...) -> None: ...

class ListRemovedRequest(_message.Message):
    __slots__ = ("from_us", "limit")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    limit: int
    def __init__(self, from_us: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListRemovedResponse(_message.Message):
    __slots__ = ("runs", "databases_away")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    DATABASES_AWAY_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RemovedRun]
    databases_away: int
    def __init__(self, runs: _Optional[_Iterable[_Union[RemovedRun, _Mapping]]] = ..., databases_away: _Optional[int] = ...) -> None: ...

class RemovedRun(_message.Message):
    __slots__ = ("run_id", "removed_at_us")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REMOVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    removed_at_us: int
    def __init__(self, run_id: _Optional[bytes] = ..., removed_at_us: _Optional[int] = ...) -> None: ...

class ReferencesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReferencesResponse(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, artifacts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("run_id", "after_seq", "follow")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    after_seq: int
    follow: bool
    def __init__(self, run_id: _Optional[bytes] = ..., after_seq: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[RecordedEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[RecordedEvent, _Mapping]]] = ...) -> None: ...

class RecordedEvent(_message.Message):
    __slots__ = ("shard", "seq", "recorded_at_us", "event")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    shard: int
    seq: int
    recorded_at_us: int
    event: _events_pb2.Event
    def __init__(self, shard: _Optional[int] = ..., seq: _Optional[int] = ..., recorded_at_us: _Optional[int] = ..., event: _Optional[_Union[_events_pb2.Event, _Mapping]] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("shard", "from_seq", "to_seq")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    shard: int
    from_seq: int
    to_seq: int
    def __init__(self, shard: _Optional[int] = ..., from_seq: _Optional[int] = ..., to_seq: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("batch",)
    BATCH_FIELD_NUMBER: _ClassVar[int]
    batch: _events_pb2.EventBatch
    def __init__(self, batch: _Optional[_Union[_events_pb2.EventBatch, _Mapping]] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ("shard",)
    SHARD_FIELD_NUMBER: _ClassVar[int]
    shard: int
    def __init__(self, shard: _Optional[int] = ...) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("shard", "epoch", "seq", "runs")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    epoch: int
    seq: int
    runs: _containers.RepeatedCompositeFieldContainer[OpenRun]
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., seq: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[OpenRun, _Mapping]]] = ...) -> None: ...

class OpenRun(_message.Message):
    __slots__ = ("run_id", "plan", "team", "options", "first_seq", "submitted_at_us", "cancelling", "nodes", "caller", "plan_name", "failed_node", "failing_fast", "failure_seq", "signals", "paused", "deadline_in_s", "parent_run_id", "ending", "end_cancelled", "failed_at_end", "growth")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    CANCELLING_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    FAILED_NODE_FIELD_NUMBER: _ClassVar[int]
    FAILING_FAST_FIELD_NUMBER: _ClassVar[int]
    FAILURE_SEQ_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_IN_S_FIELD_NUMBER: _ClassVar[int]
    PARENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    END_CANCELLED_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_END_FIELD_NUMBER: _ClassVar[int]
    GROWTH_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    plan: bytes
    team: str
    options: _events_pb2.RunOptions
    first_seq: int
    submitted_at_us: int
    cancelling: bool
    nodes: _containers.RepeatedCompositeFieldContainer[OpenNode]
    caller: _events_pb2.Caller
    plan_name: str
    failed_node: int
    failing_fast: bool
    failure_seq: int
    signals: _containers.RepeatedCompositeFieldContainer[_events_pb2.SignalReceived]
    paused: bool
    deadline_in_s: float
    parent_run_id: bytes
    ending: _events_pb2.RunState
    end_cancelled: bool
    failed_at_end: int
    growth: _containers.RepeatedCompositeFieldContainer[_events_pb2.Growth]
    def __init__(self, run_id: _Optional[bytes] = ..., plan: _Optional[bytes] = ..., team: _Optional[str] = ..., options: _Optional[_Union[_events_pb2.RunOptions, _Mapping]] = ..., first_seq: _Optional[int] = ..., submitted_at_us: _Optional[int] = ..., cancelling: _Optional[bool] = ..., nodes: _Optional[_Iterable[_Union[OpenNode, _Mapping]]] = ..., caller: _Optional[_Union[_events_pb2.Caller, _Mapping]] = ..., plan_name: _Optional[str] = ..., failed_node: _Optional[int] = ..., failing_fast: _Optional[bool] = ..., failure_seq: _Optional[int] = ..., signals: _Optional[_Iterable[_Union[_events_pb2.SignalReceived, _Mapping]]] = ..., paused: _Optional[bool] = ..., deadline_in_s: _Optional[float] = ..., parent_run_id: _Optional[bytes] = ..., ending: _Optional[_Union[_events_pb2.RunState, str]] = ..., end_cancelled: _Optional[bool] = ..., failed_at_end: _Optional[int] = ..., growth: _Optional[_Iterable[_Union[_events_pb2.Growth, _Mapping]]] = ...) -> None: ...

class OpenNode(_message.Message):
    __slots__ = ("node", "status", "attempt", "retries", "output_seq", "grant", "worker", "delay_s", "lost", "running_s", "waits", "due_at_us", "due_in_s", "looks_s")
    NODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SEQ_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    DELAY_S_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    RUNNING_S_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_US_FIELD_NUMBER: _ClassVar[int]
    DUE_IN_S_FIELD_NUMBER: _ClassVar[int]
    LOOKS_S_FIELD_NUMBER: _ClassVar[int]
    node: int
    status: NodeStatus
    attempt: int
    retries: int
    output_seq: int
    grant: int
    worker: str
    delay_s: float
    lost: int
    running_s: float
    waits: bool
    due_at_us: int
    due_in_s: float
    looks_s: float
    def __init__(self, node: _Optional[int] = ..., status: _Optional[_Union[NodeStatus, str]] = ..., attempt: _Optional[int] = ..., retries: _Optional[int] = ..., output_seq: _Optional[int] = ..., grant: _Optional[int] = ..., worker: _Optional[str] = ..., delay_s: _Optional[float] = ..., lost: _Optional[int] = ..., running_s: _Optional[float] = ..., waits: _Optional[bool] = ..., due_at_us: _Optional[int] = ..., due_in_s: _Optional[float] = ..., looks_s: _Optional[float] = ...) -> None: ...

class HeadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeadsResponse(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[Head]
    def __init__(self, heads: _Optional[_Iterable[_Union[Head, _Mapping]]] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("shard", "epoch", "seq")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    shard: int
    epoch: int
    seq: int
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class ReadValuesRequest(_message.Message):
    __slots__ = ("positions", "partial")
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[ShardSeqs]
    partial: bool
    def __init__(self, positions: _Optional[_Iterable[_Union[ShardSeqs, _Mapping]]] = ..., partial: _Optional[bool] = ...) -> None: ...

class ShardSeqs(_message.Message):
    __slots__ = ("shard", "seqs")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    seqs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, shard: _Optional[int] = ..., seqs: _Optional[_Iterable[int]] = ...) -> None: ...

class ReadReusedRequest(_message.Message):
    __slots__ = ("run_id", "seqs")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    seqs: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, run_id: _Optional[bytes] = ..., seqs: _Optional[_Iterable[int]] = ...) -> None: ...

class ReadReusedResponse(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[RecordedValues]
    def __init__(self, values: _Optional[_Iterable[_Union[RecordedValues, _Mapping]]] = ...) -> None: ...

class ReadValuesResponse(_message.Message):
    __slots__ = ("values", "shards_away")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SHARDS_AWAY_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[RecordedValues]
    shards_away: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, values: _Optional[_Iterable[_Union[RecordedValues, _Mapping]]] = ..., shards_away: _Optional[_Iterable[int]] = ...) -> None: ...

class RecordedValues(_message.Message):
    __slots__ = ("shard", "seq", "values")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    shard: int
    seq: int
    values: _value_pb2.Values
    def __init__(self, shard: _Optional[int] = ..., seq: _Optional[int] = ..., values: _Optional[_Union[_value_pb2.Values, _Mapping]] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("batches",)
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    batches: _containers.RepeatedCompositeFieldContainer[_reports_pb2.ReportBatch]
    def __init__(self, batches: _Optional[_Iterable[_Union[_reports_pb2.ReportBatch, _Mapping]]] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("settled", "seqs")
    class SeqsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: int
        def __init__(self, key: _Optional[int] = ..., value: _Optional[int] = ...) -> None: ...
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    settled: _containers.RepeatedScalarFieldContainer[int]
    seqs: _containers.ScalarMap[int, int]
    def __init__(self, settled: _Optional[_Iterable[int]] = ..., seqs: _Optional[_Mapping[int, int]] = ...) -> None: ...
