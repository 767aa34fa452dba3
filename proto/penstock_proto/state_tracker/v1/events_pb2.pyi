from penstock_proto.value.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_UNSPECIFIED: _ClassVar[Cause]
    CAUSE_USER: _ClassVar[Cause]
    CAUSE_TIMEOUT: _ClassVar[Cause]
    CAUSE_PREEMPTED: _ClassVar[Cause]
    CAUSE_OUT_OF_MEMORY: _ClassVar[Cause]
    CAUSE_EXITED: _ClassVar[Cause]
    CAUSE_LOST: _ClassVar[Cause]
    CAUSE_CANCELLED: _ClassVar[Cause]
    CAUSE_BAD_RESULT: _ClassVar[Cause]
    CAUSE_NOT_LOADABLE: _ClassVar[Cause]
    CAUSE_WORKER: _ClassVar[Cause]
    CAUSE_NOT_YET: _ClassVar[Cause]

class SkipReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SKIP_REASON_UNSPECIFIED: _ClassVar[SkipReason]
    SKIP_REASON_UPSTREAM_FAILED: _ClassVar[SkipReason]
    SKIP_REASON_UPSTREAM_CANCELLED: _ClassVar[SkipReason]
    SKIP_REASON_RUN_CANCELLED: _ClassVar[SkipReason]
    SKIP_REASON_FAIL_FAST: _ClassVar[SkipReason]
    SKIP_REASON_NOT_TAKEN: _ClassVar[SkipReason]

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_CANCELLING: _ClassVar[RunState]
    RUN_STATE_SUCCEEDED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_CANCELLED: _ClassVar[RunState]
CAUSE_UNSPECIFIED: Cause
CAUSE_USER: Cause
CAUSE_TIMEOUT: Cause
CAUSE_PREEMPTED: Cause
CAUSE_OUT_OF_MEMORY: Cause
CAUSE_EXITED: Cause
CAUSE_LOST: Cause
CAUSE_CANCELLED: Cause
CAUSE_BAD_RESULT: Cause
CAUSE_NOT_LOADABLE: Cause
CAUSE_WORKER: Cause
CAUSE_NOT_YET: Cause
SKIP_REASON_UNSPECIFIED: SkipReason
SKIP_REASON_UPSTREAM_FAILED: SkipReason
SKIP_REASON_UPSTREAM_CANCELLED: SkipReason
SKIP_REASON_RUN_CANCELLED: SkipReason
SKIP_REASON_FAIL_FAST: SkipReason
SKIP_REASON_NOT_TAKEN: SkipReason
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_CANCELLING: RunState
RUN_STATE_SUCCEEDED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_CANCELLED: RunState

class EventBatch(_message.Message):
    __slots__ = ("shard", "epoch", "from_seq", "recorded_at_us", "events")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_US_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    shard: int
    epoch: int
    from_seq: int
    recorded_at_us: int
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, shard: _Optional[int] = ..., epoch: _Optional[int] = ..., from_seq: _Optional[int] = ..., recorded_at_us: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("run_id", "run_submitted", "action_started", "action_succeeded", "action_failed", "nodes_skipped", "cancel_requested", "run_ended", "wait_began", "signal_received", "run_reopened", "run_paused", "run_resumed", "finally_began")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_SUBMITTED_FIELD_NUMBER: _ClassVar[int]
    ACTION_STARTED_FIELD_NUMBER: _ClassVar[int]
    ACTION_SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    ACTION_FAILED_FIELD_NUMBER: _ClassVar[int]
    NODES_SKIPPED_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    RUN_ENDED_FIELD_NUMBER: _ClassVar[int]
    WAIT_BEGAN_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RUN_REOPENED_FIELD_NUMBER: _ClassVar[int]
    RUN_PAUSED_FIELD_NUMBER: _ClassVar[int]
    RUN_RESUMED_FIELD_NUMBER: _ClassVar[int]
    FINALLY_BEGAN_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    run_submitted: RunSubmitted
    action_started: ActionStarted
    action_succeeded: ActionSucceeded
    action_failed: ActionFailed
    nodes_skipped: NodesSkipped
    cancel_requested: CancelRequested
    run_ended: RunEnded
    wait_began: WaitBegan
    signal_received: SignalReceived
    run_reopened: RunReopened
    run_paused: RunPaused
    run_resumed: RunResumed
    finally_began: FinallyBegan
    def __init__(self, run_id: _Optional[bytes] = ..., run_submitted: _Optional[_Union[RunSubmitted, _Mapping]] = ..., action_started: _Optional[_Union[ActionStarted, _Mapping]] = ..., action_succeeded: _Optional[_Union[ActionSucceeded, _Mapping]] = ..., action_failed: _Optional[_Union[ActionFailed, _Mapping]] = ..., nodes_skipped: _Optional[_Union[NodesSkipped, _Mapping]] = ..., cancel_requested: _Optional[_Union[CancelRequested, _Mapping]] = ..., run_ended: _Optional[_Union[RunEnded, _Mapping]] = ..., wait_began: _Optional[_Union[WaitBegan, _Mapping]] = ..., signal_received: _Optional[_Union[SignalReceived, _Mapping]] = ..., run_reopened: _Optional[_Union[RunReopened, _Mapping]] = ..., run_paused: _Optional[_Union[RunPaused, _Mapping]] = ..., run_resumed: _Optional[_Union[RunResumed, _Mapping]] = ..., finally_began: _Optional[_Union[FinallyBegan, _Mapping]] = ...) -> None: ...

class Caller(_message.Message):
    __slots__ = ("user", "team", "client", "subject", "source", "credential", "request_id")
    USER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    user: str
    team: str
    client: str
    subject: str
    source: str
    credential: str
    request_id: str
    def __init__(self, user: _Optional[str] = ..., team: _Optional[str] = ..., client: _Optional[str] = ..., subject: _Optional[str] = ..., source: _Optional[str] = ..., credential: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RunSubmitted(_message.Message):
    __slots__ = ("plan", "plan_name", "caller", "inputs", "options", "nodes", "parent_run_id", "parent_node", "depth", "forked_from", "reused")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    PARENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_NODE_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    FORKED_FROM_FIELD_NUMBER: _ClassVar[int]
    REUSED_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    plan_name: str
    caller: Caller
    inputs: _value_pb2.Values
    options: RunOptions
    nodes: int
    parent_run_id: bytes
    parent_node: int
    depth: int
    forked_from: bytes
    reused: Successes
    def __init__(self, plan: _Optional[bytes] = ..., plan_name: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., inputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ..., options: _Optional[_Union[RunOptions, _Mapping]] = ..., nodes: _Optional[int] = ..., parent_run_id: _Optional[bytes] = ..., parent_node: _Optional[int] = ..., depth: _Optional[int] = ..., forked_from: _Optional[bytes] = ..., reused: _Optional[_Union[Successes, _Mapping]] = ...) -> None: ...

class Successes(_message.Message):
    __slots__ = ("node_steps", "seq_steps", "growths", "not_taken_steps", "failed_steps", "skipped_steps")
    NODE_STEPS_FIELD_NUMBER: _ClassVar[int]
    SEQ_STEPS_FIELD_NUMBER: _ClassVar[int]
    GROWTHS_FIELD_NUMBER: _ClassVar[int]
    NOT_TAKEN_STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEPS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_STEPS_FIELD_NUMBER: _ClassVar[int]
    node_steps: _containers.RepeatedScalarFieldContainer[int]
    seq_steps: _containers.RepeatedScalarFieldContainer[int]
    growths: _containers.RepeatedCompositeFieldContainer[Growth]
    not_taken_steps: _containers.RepeatedScalarFieldContainer[int]
    failed_steps: _containers.RepeatedScalarFieldContainer[int]
    skipped_steps: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, node_steps: _Optional[_Iterable[int]] = ..., seq_steps: _Optional[_Iterable[int]] = ..., growths: _Optional[_Iterable[_Union[Growth, _Mapping]]] = ..., not_taken_steps: _Optional[_Iterable[int]] = ..., failed_steps: _Optional[_Iterable[int]] = ..., skipped_steps: _Optional[_Iterable[int]] = ...) -> None: ...

class Growth(_message.Message):
    __slots__ = ("node", "items")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    node: int
    items: int
    def __init__(self, node: _Optional[int] = ..., items: _Optional[int] = ...) -> None: ...

class RunOptions(_message.Message):
    __slots__ = ("team", "pool", "priority", "fail_fast", "labels", "traceparent", "workflow", "workflow_version", "notify", "deadline_s", "no_cache")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TEAM_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    FAIL_FAST_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOTIFY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_S_FIELD_NUMBER: _ClassVar[int]
    NO_CACHE_FIELD_NUMBER: _ClassVar[int]
    team: str
    pool: str
    priority: int
    fail_fast: bool
    labels: _containers.ScalarMap[str, str]
    traceparent: str
    workflow: str
    workflow_version: int
    notify: _containers.RepeatedScalarFieldContainer[str]
    deadline_s: float
    no_cache: bool
    def __init__(self, team: _Optional[str] = ..., pool: _Optional[str] = ..., priority: _Optional[int] = ..., fail_fast: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., traceparent: _Optional[str] = ..., workflow: _Optional[str] = ..., workflow_version: _Optional[int] = ..., notify: _Optional[_Iterable[str]] = ..., deadline_s: _Optional[float] = ..., no_cache: _Optional[bool] = ...) -> None: ...

class ActionStarted(_message.Message):
    __slots__ = ("node", "item", "attempt", "grant", "worker")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    worker: str
    def __init__(self, node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ..., worker: _Optional[str] = ...) -> None: ...

class ActionSucceeded(_message.Message):
    __slots__ = ("node", "item", "attempt", "grant", "outputs", "duration_us", "worker", "added", "reuse")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    outputs: _value_pb2.Values
    duration_us: int
    worker: str
    added: int
    reuse: Reuse
    def __init__(self, node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ..., outputs: _Optional[_Union[_value_pb2.Values, _Mapping]] = ..., duration_us: _Optional[int] = ..., worker: _Optional[str] = ..., added: _Optional[int] = ..., reuse: _Optional[_Union[Reuse, _Mapping]] = ...) -> None: ...

class Reuse(_message.Message):
    __slots__ = ("run_id", "node", "name", "attempt", "kept_at_us")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    KEPT_AT_US_FIELD_NUMBER: _ClassVar[int]
    run_id: bytes
    node: int
    name: str
    attempt: int
    kept_at_us: int
    def __init__(self, run_id: _Optional[bytes] = ..., node: _Optional[int] = ..., name: _Optional[str] = ..., attempt: _Optional[int] = ..., kept_at_us: _Optional[int] = ...) -> None: ...

class ActionFailed(_message.Message):
    __slots__ = ("node", "item", "attempt", "grant", "cause", "failure", "duration_us", "worker", "retry_delay_s", "long_lived")
    NODE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    LONG_LIVED_FIELD_NUMBER: _ClassVar[int]
    node: int
    item: _containers.RepeatedScalarFieldContainer[int]
    attempt: int
    grant: int
    cause: Cause
    failure: Failure
    duration_us: int
    worker: str
    retry_delay_s: float
    long_lived: bool
    def __init__(self, node: _Optional[int] = ..., item: _Optional[_Iterable[int]] = ..., attempt: _Optional[int] = ..., grant: _Optional[int] = ..., cause: _Optional[_Union[Cause, str]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., duration_us: _Optional[int] = ..., worker: _Optional[str] = ..., retry_delay_s: _Optional[float] = ..., long_lived: _Optional[bool] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("type", "message", "traceback")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    traceback: str
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class NodesSkipped(_message.Message):
    __slots__ = ("nodes", "reason", "because_of")
    NODES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_OF_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedScalarFieldContainer[int]
    reason: SkipReason
    because_of: int
    def __init__(self, nodes: _Optional[_Iterable[int]] = ..., reason: _Optional[_Union[SkipReason, str]] = ..., because_of: _Optional[int] = ...) -> None: ...

class CancelRequested(_message.Message):
    __slots__ = ("caller", "reason", "fail_fast")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FAIL_FAST_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    reason: str
    fail_fast: bool
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., reason: _Optional[str] = ..., fail_fast: _Optional[bool] = ...) -> None: ...

class WaitBegan(_message.Message):
    __slots__ = ("node", "due_at_us")
    NODE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_US_FIELD_NUMBER: _ClassVar[int]
    node: int
    due_at_us: int
    def __init__(self, node: _Optional[int] = ..., due_at_us: _Optional[int] = ...) -> None: ...

class SignalReceived(_message.Message):
    __slots__ = ("name", "value", "caller", "comment", "id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: _value_pb2.Value
    caller: Caller
    comment: str
    id: bytes
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., comment: _Optional[str] = ..., id: _Optional[bytes] = ...) -> None: ...

class FinallyBegan(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RunState
    def __init__(self, state: _Optional[_Union[RunState, str]] = ...) -> None: ...

class RunEnded(_message.Message):
    __slots__ = ("state", "failed_node", "outputs", "failure_seq", "removed", "failed_at_end")
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILED_NODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_SEQ_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_END_FIELD_NUMBER: _ClassVar[int]
    state: RunState
    failed_node: int
    outputs: _containers.RepeatedCompositeFieldContainer[_value_pb2.ValueRef]
    failure_seq: int
    removed: bool
    failed_at_end: int
    def __init__(self, state: _Optional[_Union[RunState, str]] = ..., failed_node: _Optional[int] = ..., outputs: _Optional[_Iterable[_Union[_value_pb2.ValueRef, _Mapping]]] = ..., failure_seq: _Optional[int] = ..., removed: _Optional[bool] = ..., failed_at_end: _Optional[int] = ...) -> None: ...

class RunReopened(_message.Message):
    __slots__ = ("caller", "plan", "plan_name", "submitted_by", "options", "nodes", "first_seq", "submitted_at_us", "succeeded", "tried_steps", "next_attempts", "parent_run_id")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_NAME_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_BY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_AT_US_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    TRIED_STEPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PARENT_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    plan: bytes
    plan_name: str
    submitted_by: Caller
    options: RunOptions
    nodes: int
    first_seq: int
    submitted_at_us: int
    succeeded: Successes
    tried_steps: _containers.RepeatedScalarFieldContainer[int]
    next_attempts: _containers.RepeatedScalarFieldContainer[int]
    parent_run_id: bytes
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., plan: _Optional[bytes] = ..., plan_name: _Optional[str] = ..., submitted_by: _Optional[_Union[Caller, _Mapping]] = ..., options: _Optional[_Union[RunOptions, _Mapping]] = ..., nodes: _Optional[int] = ..., first_seq: _Optional[int] = ..., submitted_at_us: _Optional[int] = ..., succeeded: _Optional[_Union[Successes, _Mapping]] = ..., tried_steps: _Optional[_Iterable[int]] = ..., next_attempts: _Optional[_Iterable[int]] = ..., parent_run_id: _Optional[bytes] = ...) -> None: ...

class RunPaused(_message.Message):
    __slots__ = ("caller", "reason")
    CALLER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    reason: str
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class RunResumed(_message.Message):
    __slots__ = ("caller",)
    CALLER_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ...) -> None: ...
