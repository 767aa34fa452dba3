// Made from the OpenAPI document by `make docs`; a test checks that it is current. Do not edit.

export type AliasMoved = {
  name: string;
  alias: string;
  version: number | null;
  moved: boolean;
};

/** An API token without its secret. No teams, role or pool: it has no such limit. */
export type ApiToken = {
  id: string;
  subject: string;
  name: string;
  teams: (string)[];
  role: "viewer" | "launcher" | "operator" | "admin" | null;
  pool: string | null;
  /** RFC 3339, with microseconds. */
  created_at: string;
  /** RFC 3339, with microseconds. */
  expires_at: string;
  used_at: string | null;
  revoked_at: string | null;
};

export type Argument = {
  name: string;
  /** Its origin, such as `split.train`. */
  from: string;
  /** As JSON, or what it is with a preview; null until all of it is recorded. */
  value: unknown;
};

export type Arguments = {
  run: string;
  node: string;
  arguments: (Argument)[];
};

/** An artifact where it was recorded; one that several runs made is listed once for each. */
export type Artifact = {
  artifact: string;
  codec: string;
  type: string;
  size_bytes: number;
  href: string;
  /** RFC 3339, with microseconds. */
  recorded_at: string;
  run: string;
  workflow: string;
  team: string;
  /** Whose output it is; null: it is an input of the run. */
  node: string | null;
  /** Name of the output or input. */
  port: string;
  operator: string | null;
};

/** An input that is stored as an artifact: what `values` of another run shows can be passed on. */
export type ArtifactInput = {
  artifact: string;
  codec: string;
  size_bytes: number;
  type?: string;
};

export type Artifacts = {
  artifacts: (Artifact)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
  /** Events that are not in this list yet; null: not known. */
  lag: number | null;
};

export type Attempt = {
  attempt: number;
  state: "waiting" | "running" | "succeeded" | "failed" | "skipped" | "cancelled" | "not_taken" | "mapped";
  worker: string;
  started_at: string | null;
  ended_at: string | null;
  duration_s: number | null;
  cause: string | null;
  retry_delay_s: number | null;
  failure: AttemptFailure | null;
};

export type AttemptFailure = {
  type: string;
  message: string;
  traceback: string;
};

export type Attempts = {
  run: string;
  node: string;
  attempts: (Attempt)[];
};

export type Audit = {
  entries: (AuditEntry)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

/** A denial, a sign-in or a change of rights. */
export type AuditEntry = {
  /** RFC 3339, with microseconds. */
  at: string;
  what: string;
  /** Null: the caller was unknown. */
  subject: string | null;
  /** Id of the token. */
  credential: string | null;
  service: string;
  action: string;
  team: string | null;
  detail: string;
};

export type CacheExplanation = {
  run: string;
  node: string;
  operator: string;
  attempt: number;
  /** The outputs are those of `origin`. */
  hit: boolean;
  /** The reason why the operator was called. */
  reason: string | null;
  /** All that is not as it was for `origin`, the operator's latest result. */
  differences: (string)[];
  origin: Reused | null;
  /** All that decides about the result. */
  key: (CacheKeyPart)[];
};

export type CacheKeyPart = {
  kind: "code" | "package" | "output" | "secret" | "argument" | "key";
  name: string;
  /** A version, text, or a hash in hex. */
  value: string;
};

/** Why a run is cancelled. */
export type Cancel = {
  reason?: string;
};

/** Runs to cancel. */
export type CancelMany = {
  filter: OpenRuns;
  /** Only count and list what would be cancelled. */
  dry_run?: boolean;
  reason?: string;
  /** Cancel at most this many; call again for the rest. */
  limit?: number;
};

export type Cancelled = {
  run: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
};

export type CancelledMany = {
  dry_run: boolean;
  /** Runs that matched, at most `limit`. */
  matched: number;
  runs: (string)[];
  failures: (Fault)[];
  /** There may be more; call again. */
  more: boolean;
  /** Databases that do not respond: their runs are missing. */
  databases_away: number;
  cancelled: number;
};

export type Change = {
  text: string;
  /** Calls that the version before accepts may be refused. */
  incompatible: boolean;
};

/** Where messages go. Secrets are named: `secret`, `slack` and `apprise` are names. */
export type Channel = {
  name: string;
  team: string;
  webhook: string;
  secret: string;
  email: (string)[];
  slack: string;
  apprise: string;
  user: string;
  /** RFC 3339, with microseconds. */
  updated_at: string;
};

export type Channels = {
  channels: (Channel)[];
};

/** A run that a node of another run started. */
export type ChildRun = {
  run: string;
  /** Qualified name of the workflow in its code. */
  workflow: string;
  /** NAME@VERSION of the deployed workflow; null: launched by its plan. */
  launched_as: string | null;
  plan: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  team: string;
  pool: string;
  priority: number;
  fail_fast: boolean;
  user: string;
  client: string;
  /** RFC 3339, with microseconds. */
  submitted_at: string;
  ended_at: string | null;
  nodes: number;
  /** While the run is open. */
  counts: Counts | null;
  labels: Record<string, string>;
  node: string;
};

export type ChildRuns = {
  run: string;
  children: (ChildRun)[];
};

export type Column = {
  name: string;
  type: string;
};

export type ComparedInput = {
  name: string;
  values: (unknown)[];
  differs: boolean;
};

export type ComparedOperator = {
  operator: string;
  runs: (OperatorFigures | null)[];
};

/** Runs side by side, each list in the order of the request. */
export type Comparison = {
  runs: (ListedRun)[];
  same_plan: boolean;
  inputs: (ComparedInput)[];
  operators: (ComparedOperator)[];
};

/** Nodes by state. */
export type Counts = {
  waiting: number;
  running: number;
  succeeded: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /** On sides that a branch did not take. */
  not_taken?: number;
  /** Within a map: executed once for each item, as nodes of their own. */
  mapped?: number;
};

/** An API token, and what it is limited to, below what its subject may do. */
export type CreateToken = {
  name?: string;
  /** Default: the caller. Others are named by admins of the deployment. */
  subject?: string;
  /** Default: all teams of the subject. */
  teams?: (string)[];
  /** Allow at most this role. */
  role?: "viewer" | "launcher" | "operator" | "admin" | null;
  /** For workers of this pool, and nothing else. */
  pool?: string;
  /** Let it expire after this many days. */
  days?: number;
};

export type CriticalPath = {
  run: string;
  nodes: (NodePlace)[];
};

export type Deliveries = {
  deliveries: (Delivery)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

/** A message to a channel about the end of a run. */
export type Delivery = {
  /** Webhooks get it as `webhook-id`, the same in every attempt. */
  id: string;
  /** If it is null, the run itself names the channel. */
  rule: string | null;
  channel: string;
  run: string;
  kind: "succeeded" | "failed" | "cancelled";
  workflow: string;
  team: string;
  state: "waiting" | "delivered" | "dead";
  attempts: number;
  error: string;
  /** RFC 3339, with microseconds. */
  created_at: string;
  due_at: string | null;
  tried_at: string | null;
};

export type Edge = {
  /** Index of a box. */
  from: number;
  /** Index of a box. */
  to: number;
  /** Places that the line passes through. */
  through: ((number)[])[];
};

/** Runs that have not succeeded. */
export type EndedRuns = {
  workflow?: string;
  team?: string;
  /** Name in the registry. */
  name?: string;
  user?: string;
  labels?: Record<string, unknown>;
  /** Part of either name, in any case. */
  q?: string;
  /** Default: failed. */
  states?: ("failed" | "cancelled")[];
  /** Ended then or later (RFC 3339). */
  ended_from?: string | null;
};

export type Events = {
  events: (Record<string, unknown>)[];
  /** Pass it as `after` to get the next page; null: there are no more now. */
  next: number | null;
};

export type Failure = {
  node: string;
  operator: string;
  call: string;
  cause: string;
  type: string;
  message: string;
  traceback: string;
};

export type Fault = {
  pointer: string;
  detail: string;
};

export type Finding = {
  check: string;
  severity: "ok" | "warning" | "error";
  text: string;
  remedy: string;
};

export type Findings = {
  healthy: boolean;
  findings: (Finding)[];
};

/** Results that are to be computed again. Runs keep the outputs that they have. */
export type Forget = {
  /** MODULE:NAME */
  operator?: string;
  /** Only results that this run has computed. */
  run?: string;
  /** With `run`: only this node's. */
  node?: string;
  /** All results of the team. */
  all?: true;
  /** The owner of the results; by default the caller's, or the run's. */
  team?: string;
};

export type Forgotten = {
  forgotten: number;
};

/** A run to start from what an ended one has computed. */
export type Fork = {
  /** The code of the fork: NAME, NAME@VERSION or NAME@ALIAS; default: that of the run. */
  workflow?: string;
  /** JSON values of inputs that differ from the run's. */
  inputs?: Record<string, unknown>;
  /** Nodes that run whatever is known of them. */
  again?: (string)[];
  /** Only say what would be reused and run. */
  dry_run?: boolean;
};

export type ForkedNode = {
  node: string;
  operator: string;
  /** The reasons why it runs. */
  reasons: (string)[];
};

export type Form = {
  name: string;
  version: number;
  plan: string;
  /** JSON Schema 2020-12 of all inputs. */
  schema: Record<string, unknown>;
};

export type FoundRuns = {
  runs: (string)[];
};

/** Inputs of a run, those left out take their defaults. */
export type GivenInputs = {
  /** JSON values by the name of the input. */
  inputs?: Record<string, unknown>;
  /** Inputs that are stored artifacts, by name. */
  artifacts?: Record<string, ArtifactInput>;
};

export type Health = {
  status: "ok";
};

/** Who calls, as the services see them. */
export type Identity = {
  subject: string;
  name: string;
  /** It is user, service or worker. */
  kind: string;
  deployment_admin: boolean;
  teams: Record<string, "viewer" | "launcher" | "operator" | "admin">;
  /** The way they signed in, such as oidc or api_token. */
  source: string;
  /** RFC 3339, with microseconds. */
  expires_at: string;
};

export type Info = {
  version: string;
  shards: number;
  deployment: string;
};

export type Inputs = {
  run: string;
  values: (Value)[];
};

/** A run to start: of a deployed workflow, or of a stored plan. */
export type Launch = {
  /** JSON values by the name of the input. */
  inputs?: Record<string, unknown>;
  /** Inputs that are stored artifacts, by name. */
  artifacts?: Record<string, ArtifactInput>;
  /** NAME, NAME@VERSION or NAME@ALIAS. */
  workflow?: string;
  /** Hash of a stored plan. */
  plan?: string;
  team?: string;
  pool?: string;
  priority?: number;
  /** Cancel the rest of the run at the first failure. */
  fail_fast?: boolean;
  /** Cancel the run if it has not ended after these seconds; 0: never. */
  deadline_s?: number;
  /** Call every operator, also those whose results are reused. */
  no_cache?: boolean;
  labels?: Record<string, unknown>;
  /** Channels that get a message when the run ends. */
  notify?: (string)[];
};

export type Layout = {
  plan: string;
  nodes: number;
  loops: (LayoutLoop)[];
  branches: (LayoutBranch)[];
  boxes: (LayoutBox)[];
  edges: (Edge)[];
};

/** A node, or several that are shown as one: a group. */
export type LayoutBox = {
  /** The name of a node; what opens a group. */
  key: string;
  label: string;
  /** The operator of its first node. */
  operator: string;
  /** Indexes, as runs of equal steps: first, step, count. */
  nodes: ((number)[])[];
  /** The kind of its first node: `task`, `wait`, `map`, `gather`, `branch`, `pass`. */
  kind: string;
  /** The number of its nodes that run one after the other. */
  steps: number;
  /** Column, and distance from the top. */
  place: (number)[];
};

export type LayoutBranch = {
  node: number;
  /** The value of the condition for each side. */
  sides: (string)[];
  /** The nodes on its sides: index, side. */
  nodes: ((number)[])[];
};

export type LayoutLoop = {
  /** The key of the box that stands for all rounds after the first. */
  key: string;
  /** The nodes that decide after each round whether there is another one. */
  branches: (number)[];
};

export type Lineage = {
  artifact: string;
  codec: string;
  type: string;
  size_bytes: number;
  href: string;
  /** The outputs that it was, the latest first. */
  made: (Artifact)[];
  /** The runs that got it as an input. */
  given: (Artifact)[];
  /** By those runs. */
  used: (Use)[];
  /** There is more of it than this. */
  more: boolean;
};

/** A run in a list, with figures as far as the history has them. */
export type ListedRun = {
  run: string;
  /** Qualified name of the workflow in its code. */
  workflow: string;
  /** NAME@VERSION of the deployed workflow; null: launched by its plan. */
  launched_as: string | null;
  plan: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  team: string;
  pool: string;
  priority: number;
  fail_fast: boolean;
  user: string;
  client: string;
  /** RFC 3339, with microseconds. */
  submitted_at: string;
  ended_at: string | null;
  nodes: number;
  /** While the run is open. */
  counts: Counts | null;
  labels: Record<string, string>;
  /** From submission to end. */
  duration_s: number | null;
  /** Time in operators, all together. */
  busy_s: number;
  /** Attempts beyond the first of each node. */
  retries: number;
  /** The first node that failed for good. */
  failed_node: string | null;
  /** Its message, shortened. */
  failure_text: string | null;
};

export type MapNodes = {
  node: number;
  /** The nodes of the plan that are executed once for each item. */
  within: (number)[];
};

/** The role of somebody in a team; the team `*` is the deployment. */
export type Member = {
  team: string;
  subject: string;
  role: "viewer" | "launcher" | "operator" | "admin";
};

export type Members = {
  members: (Member)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

export type Membership = {
  team: string;
  role: "viewer" | "launcher" | "operator" | "admin";
};

/** Where an alias is to point. */
export type MoveAlias = {
  version: number;
  /** The version that it must point at now; 0: it must not exist. */
  expected_version?: number | null;
};

/** A class that inputs or outputs of deployed workflows have. */
export type NamedType = {
  /** Its qualified name. */
  name: string;
  /** The highest version. */
  latest: number;
  /** RFC 3339, with microseconds. */
  updated_at: string;
};

export type NamedTypes = {
  types: (NamedType)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

export type NewToken = {
  /** The secret. It cannot be read later. */
  token: string;
  about: ApiToken;
};

export type Node = {
  name: string;
  index: number;
  operator: string;
  kind: string;
  /** Call site in the workflow: FILE:LINE. */
  call: string;
  state: "waiting" | "running" | "succeeded" | "failed" | "skipped" | "cancelled" | "not_taken" | "mapped";
  /** The first nodes that must end before. */
  uses: (string)[];
  /** The number of all of them. */
  uses_count: number;
  attempts: number;
  worker: string;
  started_at: string | null;
  ended_at: string | null;
  duration_s: number | null;
  skipped_because: string | null;
  because_of: string | null;
  /** Its outputs were taken from the cache of results. */
  reused_from: Reused | null;
};

export type NodePlace = {
  name: string;
  index: number;
};

export type Nodes = {
  run: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  /** Position of the log that this is of: pass it to `stream` as `after_seq`. */
  seq: number;
  nodes: (Node)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: number | null;
  /** The number of nodes of all pages together. */
  total: number;
};

/** Open runs. */
export type OpenRuns = {
  workflow?: string;
  team?: string;
  /** Name in the registry. */
  name?: string;
  user?: string;
  labels?: Record<string, unknown>;
  /** Part of either name, in any case. */
  q?: string;
  states?: ("running" | "cancelling")[];
};

/** The nodes of one operator in a run. */
export type OperatorFigures = {
  operator: string;
  nodes: number;
  counts: Counts;
  retries: number;
  busy_s: number;
  /** From when a node was ready until it ran: the sum. */
  waited_s: number;
  p50_s: number;
  p95_s: number;
  max_s: number;
  /** Begin of the first of its nodes, since the submission. */
  first_s: number | null;
  /** End of the last of its nodes, since the submission. */
  last_s: number | null;
};

/** The nodes of one operator in a run; times of those that have started. */
export type OperatorNow = {
  operator: string;
  nodes: number;
  counts: Counts;
  /** Start of the first of them. */
  first_at: string | null;
  /** End of the last of them; null while one runs. */
  last_at: string | null;
  /** Median of those that succeeded. */
  p50_s: number | null;
  max_s: number | null;
};

export type Operators = {
  run: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  submitted_at: string | null;
  ended_at: string | null;
  seq: number;
  /** In the order of the plan. */
  operators: (OperatorNow)[];
};

export type Output = {
  /** OUTPUT of the run, or NODE.OUTPUT. */
  path: string;
  type: string;
  codec: string;
  size_bytes: number;
  is_ready: boolean;
};

/** An output of a run that has succeeded: RUN/NODE.OUTPUT. */
export type OutputReference = {
  run: string;
  /** Its name in the registry, or in the code. */
  workflow: string;
  ended_at: string | null;
  node: string;
  output: string;
  type: string;
};

export type Outputs = {
  run: string;
  outputs: (Output)[];
};

export type Paused = {
  run: string;
  paused: boolean;
};

/** A plan, described as `penstock compile --json` does. */
export type Plan = {
  name: string;
  hash: string;
  bundle: string;
  doc: string;
  inputs: (PlanInput)[];
  outputs: (PlanPort)[];
  nodes: number;
  edges: number;
  levels: (PlanLevel)[];
  critical_path: (string)[];
  resources: PlanResources;
  peak_resources: PlanResources;
};

export type PlanInput = {
  name: string;
  type: string;
  doc: string;
  required: boolean;
  /** JSON Schema 2020-12. */
  schema: Record<string, unknown>;
  default: unknown;
};

export type PlanLevel = {
  nodes: (PlanNode)[];
  resources: PlanResources;
};

export type PlanNode = {
  name: string;
  kind: string;
  operator: string;
  call: string;
  uses: (string)[];
  uses_inputs: boolean;
  after: (string)[];
  resources: PlanResources;
  /** An execution that takes more is ended; 0: the operator declares none. */
  memory_limit_bytes: number;
  timeout_s: number;
  retries: number;
};

export type PlanPort = {
  name: string;
  type: string;
  doc: string;
  required: boolean;
};

export type PlanResources = {
  cpu_milli: number;
  gpu: number;
  memory_bytes: number;
};

/** What a fork reuses and runs. */
export type PlannedFork = {
  /** The new run; null: none was started. */
  run: string | null;
  forked_from: string;
  plan: string;
  /** Nodes whose outputs are taken over. */
  reused: number;
  /** Nodes that run. */
  runs: number;
  /** The first 1,000 of those that run. */
  nodes: (ForkedNode)[];
};

export type Pool = {
  pool: string;
  capacity: Resources;
  used: Resources;
  queued: number;
  delayed: number;
  granted: number;
  workers: number;
};

export type Pools = {
  pools: (Pool)[];
};

export type Preview = {
  artifact: string;
  /** Its `kind` says what else is in it. */
  preview: Record<string, unknown> | null;
};

/** Problem details (RFC 9457). */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors?: (Fault)[];
};

export type ProblemKind = {
  type: string;
  status: number;
  title: string;
  remedy: string;
};

export type Problems = {
  problems: (ProblemKind)[];
};

/** A stored plan that gets a name. */
export type Publish = {
  plan: string;
  /** The name belongs to this team from its first version on. */
  team?: string;
  /** Move this alias to the version. */
  alias?: string;
  /** The version that the alias must point at now; 0: it must not exist. */
  expected_version?: number | null;
  /** Deploy even if calls that the latest version accepts may be refused. */
  allow_incompatible?: boolean;
};

export type Published = {
  version: Version;
  created: boolean;
  alias_moved: boolean;
};

/** Where messages go: exactly one of `webhook`, `email`, `slack` and `apprise`. The last two name secrets. */
export type PutChannel = {
  team?: string;
  webhook?: string;
  /** Name of the secret that signs what the webhook gets. */
  secret?: string;
  email?: (string)[];
  /** Name of the secret that is the URL of an incoming webhook. */
  slack?: string;
  /** Name of the secret that is a URL of Apprise. */
  apprise?: string;
};

/** About which runs a channel gets messages. */
export type PutRule = {
  channel: string;
  kinds: ("succeeded" | "failed" | "cancelled")[];
  /** Name in the registry, or qualified name; empty: any. */
  workflow?: string;
  team?: string;
};

export type References = {
  references: (OutputReference)[];
};

export type Removed = {
  removed: string;
};

export type RemovedMember = {
  team: string;
  subject: string;
};

export type Reopened = {
  run: string;
  /** Nodes that wait again; 0: the run was open. */
  reopened: number;
};

export type Resources = {
  cpu: number;
  gpu: number;
  memory_bytes: number;
  labels: Record<string, string>;
};

/** How a run has ended. While it has not, `outputs` and `failure` are null. */
export type Result = {
  run: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  /** By name: JSON values, or objects with `artifact` and `href` for what is stored as an artifact. */
  outputs: Record<string, unknown> | null;
  failure: Failure | null;
};

export type Retried = {
  retried: number;
};

export type RetriedMany = {
  dry_run: boolean;
  /** Runs that matched, at most `limit`. */
  matched: number;
  runs: (string)[];
  failures: (Fault)[];
  /** There may be more; call again. */
  more: boolean;
  /** Databases that do not respond: their runs are missing. */
  databases_away: number;
  retried: number;
};

/** Messages that were given up: these, or all of a channel. */
export type Retry = {
  ids?: (string)[];
  channel?: string;
};

/** Runs to retry. */
export type RetryMany = {
  filter: EndedRuns;
  /** Only count and list what would be retried. */
  dry_run?: boolean;
  /** Retry at most this many; call again for the rest. */
  limit?: number;
};

/** The execution whose outputs another one took. */
export type Reused = {
  run: string;
  node: string;
  attempt: number;
  /** The time at which they were kept, in microseconds of Unix time. */
  kept_at_us: number;
};

/** Rows of a table. */
export type Rows = {
  artifact: string;
  /** Number of all rows. */
  rows: number;
  /** Number of all columns. */
  count: number;
  columns: (Column)[];
  /** The cells of each row that was asked for. */
  first: ((unknown)[])[];
};

/** About which runs a channel gets messages; an empty workflow or team is any. */
export type Rule = {
  name: string;
  channel: string;
  kinds: ("succeeded" | "failed" | "cancelled")[];
  workflow: string;
  team: string;
  user: string;
  /** RFC 3339, with microseconds. */
  updated_at: string;
};

export type Rules = {
  rules: (Rule)[];
};

/** A run, without its nodes. */
export type Run = {
  run: string;
  /** Qualified name of the workflow in its code. */
  workflow: string;
  /** NAME@VERSION of the deployed workflow; null: launched by its plan. */
  launched_as: string | null;
  plan: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  team: string;
  pool: string;
  priority: number;
  fail_fast: boolean;
  user: string;
  client: string;
  /** RFC 3339, with microseconds. */
  submitted_at: string;
  ended_at: string | null;
  nodes: number;
  /** While the run is open. */
  counts: Counts | null;
  labels: Record<string, string>;
};

export type RunCounts = {
  counts: (StateCount)[];
  lag: number | null;
};

/** A run in sum; operators and critical path of a run that has ended. */
export type RunFigures = {
  run: ListedRun;
  inputs: Record<string, unknown>;
  operators: (OperatorFigures)[];
  /** The nodes that the end of the run waited for, first to last. */
  critical_path: (string)[];
};

export type Runs = {
  runs: (ListedRun)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
  /** Events that are not in this list yet; null: not known. */
  lag: number | null;
  /** Pass it to `/v1/runs:stream` as `after`; null: the history does not respond. */
  position: number | null;
  /** Databases that do not respond: their runs are missing. */
  databases_away: number;
};

/** A value for a node that waits for it; `true` or `false` answers an approval. */
export type SentSignal = {
  /** Name of the node. */
  name: string;
  /** JSON, as the type of the signal asks for. */
  value?: unknown;
  comment?: string;
  /** Answer as a member of this team. With access control, that of the run takes its place. */
  team?: string;
};

/** Who calls. Attributes: access: Whether callers are verified at all. source: How the caller is known, such as `oidc` or `api_token`. sign_in: Path that a browser opens to sign in. */
export type Session = {
  access: boolean;
  signed_in: boolean;
  subject: string | null;
  name: string | null;
  source: string | null;
  deployment_admin: boolean;
  teams: (Membership)[];
  sign_in: string | null;
};

/** The role of somebody in a team. */
export type SetMember = {
  role: "viewer" | "launcher" | "operator" | "admin";
};

export type SigningKey = {
  key_id: string;
};

export type StateCount = {
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  runs: number;
  /** There are more. */
  capped: boolean;
};

export type States = {
  run: string;
  plan: string;
  seq: number;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  /** A letter for each node, by index: w waiting, r running, s succeeded, f failed, k skipped, c cancelled, n not taken, m mapped. */
  states: string;
  maps: (MapNodes)[];
  /** The additions of maps: the map's node, the index of the first node that it added, its items. There is a node for each item of each node within the map, in their order. */
  growths: ((number)[])[];
  /** Nothing new of it starts. */
  paused: boolean;
  /** The run whose results it took over. */
  forked_from: string | null;
  /** The run that has started it. */
  parent: string | null;
};

/** Runs that ended, or with an operator, nodes. Keys that rows are not kept apart by are null. */
export type Statistic = {
  workflow: string | null;
  team: string | null;
  operator: string | null;
  day: string | null;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
  retries: number;
  busy_s: number;
  p50_s: number;
  p95_s: number;
};

export type Statistics = {
  rows: (Statistic)[];
  more: boolean;
  lag: number | null;
};

export type StoredArtifact = {
  artifact: string;
  size_bytes: number;
  href: string;
};

export type StoredInput = {
  artifact: string;
  codec: string;
  type: string;
  size_bytes: number;
};

export type StoredPlan = {
  plan: string;
  workflow: string;
};

export type TakenSignal = {
  run: string;
  name: string;
};

export type Tested = {
  channel: string;
  delivered: boolean;
  error: string | null;
};

/** When nodes ran. */
export type Timeline = {
  run: string;
  state: "running" | "cancelling" | "succeeded" | "failed" | "cancelled";
  submitted_at: string | null;
  ended_at: string | null;
  seq: number;
  /** In the order of their starts. */
  nodes: (TimelineNode)[];
  /** Other nodes that ran. */
  left_out: number;
  total: number;
};

export type TimelineNode = {
  name: string;
  index: number;
  operator: string;
  state: "waiting" | "running" | "succeeded" | "failed" | "skipped" | "cancelled" | "not_taken" | "mapped";
  /** The end of the run waited for it. */
  critical: boolean;
  attempts: (Attempt)[];
};

export type Tokens = {
  tokens: (ApiToken)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

export type TypeField = {
  name: string;
  /** As it is written in Python. */
  type: string;
  required: boolean;
};

/** A version of a workflow, and which of its inputs and outputs have the class. */
export type TypeUse = {
  name: string;
  version: number;
  inputs: (string)[];
  outputs: (string)[];
};

export type TypeVersion = {
  version: number;
  fields: (TypeField)[];
  /** The version of a workflow that brought it. */
  workflow: string;
  /** RFC 3339, with microseconds. */
  published_at: string;
  /** The latest version of each workflow. */
  used_by: (TypeUse)[];
};

/** A class with its latest versions, newest first. */
export type TypeVersions = {
  name: string;
  versions: (TypeVersion)[];
};

export type UploadedInput = {
  /** Pass it on in `artifacts` of a launch. */
  input: StoredInput;
  href: string;
};

/** A node that got it as an argument; without a node, an output of the run. */
export type Use = {
  run: string;
  node: string | null;
  operator: string | null;
  argument: string;
};

/** One value: `json` if it is small JSON, or an artifact at `href`. */
export type Value = {
  name: string;
  codec: string;
  type: string;
  size_bytes: number;
  json: unknown;
  artifact: string | null;
  href: string | null;
  /** With `preview`: its shape and its beginning. */
  preview: Record<string, unknown> | null;
};

export type Values = {
  run: string;
  node: string;
  values: (Value)[];
};

/** What the State Tracker would say of the inputs. */
export type Verdict = {
  valid: boolean;
  errors: (Fault)[];
};

/** A version of a deployed workflow. */
export type Version = {
  name: string;
  version: number;
  plan: string;
  team: string;
  user: string;
  workflow: string;
  doc: string;
  nodes: number;
  /** RFC 3339, with microseconds. */
  published_at: string;
  changes: (Change)[];
};

export type Versions = {
  versions: (Version)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};

/** A node that waits: for a time, for a signal, or for the answer to a question. */
export type Wait = {
  node: string;
  index: number;
  kind: "sleep" | "until" | "signal" | "approval" | "child run";
  since: string | null;
  /** The time at which it ends by itself; null: never. */
  until: string | null;
  /** The question of an approval. */
  question: string;
  /** The users who may answer, and teams as `team:NAME`. Empty: all who may start runs of the team. */
  who: (string)[];
  /** JSON Schema of the value that a signal takes; null: anything. */
  schema: Record<string, unknown> | null;
};

export type Waiting = {
  node: string;
  text: string;
};

export type Waits = {
  run: string;
  waits: (Wait)[];
};

export type Why = {
  run: string;
  waits: (Waiting)[];
};

export type Worker = {
  worker: string;
  pool: string;
  host: string;
  version: string;
  executor: string;
  capacity: Resources;
  used: Resources;
  actions: number;
  silent_s: number;
  draining: boolean;
};

export type Workers = {
  workers: (Worker)[];
};

/** A deployed workflow. */
export type Workflow = {
  name: string;
  team: string;
  doc: string;
  /** The highest version. */
  latest: number;
  aliases: Record<string, number>;
  /** RFC 3339, with microseconds. */
  updated_at: string;
};

export type Workflows = {
  workflows: (Workflow)[];
  /** Pass it as `after` to get the next page; null: this is the last one. */
  next: string | null;
};
