"""The bodies of answers as OpenAPI describes them. A test holds every answer against its model."""

from typing import Any, Literal

from pydantic import Field

from .context import RUN_PATTERN
from .fields import Body, HashText, NodeState, RunState, Time


class Fault(Body):
    pointer: str
    detail: str


class Problem(Body):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] = Field(default_factory=list[Fault])


class Counts(Body):
    """Nodes by state."""

    waiting: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    not_taken: int = Field(default=0, description="On sides that a branch did not take.")
    mapped: int = Field(default=0, description="Within a map: executed once for each item, as nodes of their own.")


class Run(Body):
    """A run, without its nodes."""

    run: str = Field(pattern=RUN_PATTERN)
    workflow: str = Field(description="Qualified name of the workflow in its code.")
    launched_as: str | None = Field(description="NAME@VERSION of the deployed workflow; null: launched by its plan.")
    plan: HashText
    state: RunState
    team: str
    pool: str
    priority: int
    fail_fast: bool
    user: str
    client: str
    submitted_at: Time
    ended_at: Time | None
    nodes: int
    counts: Counts | None = Field(description="While the run is open.")
    labels: dict[str, str]


class ChildRun(Run):
    """A run that a node of another run started."""

    node: str


class ChildRuns(Body):
    run: str
    children: list[ChildRun]


class ListedRun(Run):
    """A run in a list, with figures as far as the history has them."""

    duration_s: float | None = Field(description="From submission to end.")
    busy_s: float = Field(description="Time in operators, all together.")
    retries: int = Field(description="Attempts beyond the first of each node.")
    failed_node: str | None = Field(description="The first node that failed for good.")
    failure_text: str | None = Field(description="Its message, shortened.")


class Runs(Body):
    runs: list[ListedRun]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")
    lag: int | None = Field(description="Events that are not in this list yet; null: not known.")
    position: int | None = Field(
        description="Pass it to `/v1/runs:stream` as `after`; null: the history does not respond."
    )
    databases_away: int = Field(description="Databases that do not respond: their runs are missing.")


class StateCount(Body):
    state: RunState
    runs: int
    capped: bool = Field(description="There are more.")


class RunCounts(Body):
    counts: list[StateCount]
    lag: int | None


class FoundRuns(Body):
    runs: list[str]


class Failure(Body):
    node: str
    operator: str
    call: str
    cause: str
    type: str
    message: str
    traceback: str


class Result(Body):
    """How a run has ended. While it has not, `outputs` and `failure` are null."""

    run: str
    state: RunState
    outputs: dict[str, Any] | None = Field(
        description="By name: JSON values, or objects with `artifact` and `href` for what is stored as an artifact."
    )
    failure: Failure | None


class Cancelled(Body):
    run: str
    state: RunState


class MatchedMany(Body):
    dry_run: bool
    matched: int = Field(description="Runs that matched, at most `limit`.")
    runs: list[str]
    failures: list[Fault]
    more: bool = Field(description="There may be more; call again.")
    databases_away: int = Field(description="Databases that do not respond: their runs are missing.")


class CancelledMany(MatchedMany):
    cancelled: int


class RetriedMany(MatchedMany):
    retried: int


class Info(Body):
    version: str
    shards: int
    deployment: str


class Health(Body):
    status: Literal["ok"]


class Finding(Body):
    check: str
    severity: Literal["ok", "warning", "error"]
    text: str
    remedy: str


class Findings(Body):
    healthy: bool
    findings: list[Finding]


class ProblemKind(Body):
    type: str
    status: int
    title: str
    remedy: str


class Problems(Body):
    problems: list[ProblemKind]


class Reused(Body):
    """The execution whose outputs another one took."""

    run: str
    node: str
    attempt: int
    kept_at_us: int = Field(description="The time at which they were kept, in microseconds of Unix time.")


class Node(Body):
    name: str
    index: int
    operator: str
    kind: str
    call: str = Field(description="Call site in the workflow: FILE:LINE.")
    state: NodeState
    uses: list[str] = Field(description="The first nodes that must end before.")
    uses_count: int = Field(description="The number of all of them.")
    attempts: int
    worker: str
    started_at: Time | None
    ended_at: Time | None
    duration_s: float | None
    skipped_because: str | None
    because_of: str | None
    reused_from: Reused | None = Field(description="Its outputs were taken from the cache of results.")


class Nodes(Body):
    run: str
    state: RunState
    seq: int = Field(description="Position of the log that this is of: pass it to `stream` as `after_seq`.")
    nodes: list[Node]
    next: int | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")
    total: int = Field(description="The number of nodes of all pages together.")


class AttemptFailure(Body):
    type: str
    message: str
    traceback: str


class Attempt(Body):
    attempt: int
    state: NodeState
    worker: str
    started_at: Time | None
    ended_at: Time | None
    duration_s: float | None
    cause: str | None
    retry_delay_s: float | None
    failure: AttemptFailure | None


class Attempts(Body):
    run: str
    node: str
    attempts: list[Attempt]


class Argument(Body):
    name: str
    source: str = Field(alias="from", description="Its origin, such as `split.train`.")
    value: Any = Field(description="As JSON, or what it is with a preview; null until all of it is recorded.")


class Arguments(Body):
    run: str
    node: str
    arguments: list[Argument]


class Output(Body):
    path: str = Field(description="OUTPUT of the run, or NODE.OUTPUT.")
    type: str
    codec: str
    size_bytes: int
    is_ready: bool


class Outputs(Body):
    run: str
    outputs: list[Output]


class Value(Body):
    """One value: `json` if it is small JSON, or an artifact at `href`."""

    name: str
    codec: str
    type: str
    size_bytes: int
    json_value: Any = Field(alias="json")
    artifact: HashText | None
    href: str | None
    preview: dict[str, Any] | None = Field(description="With `preview`: its shape and its beginning.")


class Values(Body):
    run: str
    node: str
    values: list[Value]


class Inputs(Body):
    run: str
    values: list[Value]


class Events(Body):
    events: list[dict[str, Any]]
    next: int | None = Field(description="Pass it as `after` to get the next page; null: there are no more now.")


class Waiting(Body):
    node: str
    text: str


class Why(Body):
    run: str
    waits: list[Waiting]


class StoredPlan(Body):
    plan: HashText
    workflow: str


class PlanResources(Body):
    cpu_milli: int
    gpu: int
    memory_bytes: int


class PlanPort(Body):
    name: str
    type: str
    doc: str
    required: bool


class PlanInput(PlanPort):
    json_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema 2020-12.")
    default: Any


class PlanNode(Body):
    name: str
    kind: str
    operator: str
    call: str
    uses: list[str]
    uses_inputs: bool
    after: list[str]
    resources: PlanResources
    memory_limit_bytes: int = Field(description="An execution that takes more is ended; 0: the operator declares none.")
    timeout_s: float
    retries: int


class PlanLevel(Body):
    nodes: list[PlanNode]
    resources: PlanResources


class Plan(Body):
    """A plan, described as `penstock compile --json` does."""

    name: str
    hash: HashText
    bundle: str
    doc: str
    inputs: list[PlanInput]
    outputs: list[PlanPort]
    nodes: int
    edges: int
    levels: list[PlanLevel]
    critical_path: list[str]
    resources: PlanResources
    peak_resources: PlanResources


class Verdict(Body):
    """What the State Tracker would say of the inputs."""

    valid: bool
    errors: list[Fault]


class StoredArtifact(Body):
    artifact: HashText
    size_bytes: int
    href: str


class StoredInput(Body):
    artifact: HashText
    codec: str
    type: str
    size_bytes: int


class UploadedInput(Body):
    input: StoredInput = Field(description="Pass it on in `artifacts` of a launch.")
    href: str


class Resources(Body):
    cpu: float
    gpu: int
    memory_bytes: int
    labels: dict[str, str]


class Worker(Body):
    worker: str
    pool: str
    host: str
    version: str
    executor: str
    capacity: Resources
    used: Resources
    actions: int
    silent_s: float
    draining: bool


class Workers(Body):
    workers: list[Worker]


class Pool(Body):
    pool: str
    capacity: Resources
    used: Resources
    queued: int
    delayed: int
    granted: int
    workers: int


class Pools(Body):
    pools: list[Pool]


class Workflow(Body):
    """A deployed workflow."""

    name: str
    team: str
    doc: str
    latest: int = Field(description="The highest version.")
    aliases: dict[str, int]
    updated_at: Time


class Workflows(Body):
    workflows: list[Workflow]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")


class Change(Body):
    text: str
    incompatible: bool = Field(description="Calls that the version before accepts may be refused.")


class Version(Body):
    """A version of a deployed workflow."""

    name: str
    version: int
    plan: HashText
    team: str
    user: str
    workflow: str
    doc: str
    nodes: int
    published_at: Time
    changes: list[Change]


class Versions(Body):
    versions: list[Version]
    next: str | None = Field(description="Pass it as `after` to get the next page; null: this is the last one.")


class Published(Body):
    version: Version
    created: bool
    alias_moved: bool


class Form(Body):
    name: str
    version: int
    plan: HashText
    json_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema 2020-12 of all inputs.")


class AliasMoved(Body):
    name: str
    alias: str
    version: int | None
    moved: bool
