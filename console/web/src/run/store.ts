// The nodes of one run: the state of each, and the rest of those that are shown. The changes that the gateway streams keep both current.
import type { Counts, Node, Nodes } from "../api/types";
import type { State } from "../ui/theme";

export interface Change {
  seq: number;
  at: string;
  kind: string;
  indexes?: number[];
  attempt?: number;
  worker?: string;
  duration_s?: number;
  retry_delay_s?: number;
  cause?: string;
  message?: string;
}

export interface Changes {
  run: string;
  changes: Change[];
  state: State;
  counts: Counts;
}

export const STATES = ["waiting", "running", "succeeded", "failed", "skipped", "cancelled", "not_taken", "mapped"] as const;
const LETTERS = "wrsfkcnm";
const [WAITING, RUNNING, SUCCEEDED, FAILED, SKIPPED, CANCELLED, NOT_TAKEN] = [0, 1, 2, 3, 4, 5, 6];

export type NodeCounts = Record<(typeof STATES)[number], number>;

/** Of each node, its state; of some, all that is known. Indexes are those of the plan. */
export class RunNodes {
  states: Uint8Array;
  #room: Uint8Array;
  readonly details = new Map<number, Node>();
  readonly #totals = new Int32Array(STATES.length);
  // Changes since details were asked for: an answer may be older than they are.
  #recent: Change[] = [];
  #awaited = 0;

  constructor(letters: string) {
    this.states = this.#room = Uint8Array.from(letters, (letter) => Math.max(0, LETTERS.indexOf(letter)));
    for (const state of this.states) this.#totals[state] += 1;
  }

  get size(): number {
    return this.states.length;
  }

  state(index: number): State {
    return STATES[this.states[index]];
  }

  counts(): NodeCounts {
    return Object.fromEntries(STATES.map((state, index) => [state, this.#totals[index]])) as NodeCounts;
  }

  apply(change: Change): void {
    if (change.kind === "reopened") return this.#reopen();
    const after = codeAfter(change);
    if (after === undefined) return;
    if (this.#awaited) this.#recent.push(change);
    for (const index of change.indexes ?? []) {
      if (index >= this.size) this.#grow(index + 1);
      this.#totals[this.states[index]] -= 1;
      this.#totals[after] += 1;
      this.states[index] = after;
      this.#change(index, change);
    }
  }

  /** Take what an answer says of nodes, which was right at its position of the log. */
  async learn(asked: Promise<Pick<Nodes, "nodes" | "seq">>): Promise<void> {
    this.#awaited += 1;
    try {
      const { nodes, seq } = await asked;
      for (const node of nodes) this.details.set(node.index, node);
      for (const change of this.#recent) {
        if (change.seq > seq) for (const node of nodes) if (change.indexes?.includes(node.index)) this.#change(node.index, change);
      }
    } finally {
      this.#awaited -= 1;
      if (!this.#awaited) this.#recent = [];
    }
  }

  /** A map has added nodes, of which this is the first that is heard of. */
  #grow(size: number): void {
    if (size > this.#room.length) {
      const room = new Uint8Array(2 * size);
      room.set(this.states);
      this.#room = room;
    }
    this.#totals[WAITING] += size - this.size;
    this.states = this.#room.subarray(0, size);
  }

  /** What has not succeeded is tried again. */
  #reopen(): void {
    for (let index = 0; index < this.size; index += 1) {
      if (this.states[index] === SUCCEEDED) continue;
      this.#totals[this.states[index]] -= 1;
      this.#totals[WAITING] += 1;
      this.states[index] = WAITING;
      const node = this.details.get(index);
      if (node) this.details.set(index, { ...node, state: "waiting", skipped_because: null, because_of: null });
    }
  }

  /** Nodes are replaced, not changed: what shows one sees that it is another. */
  #change(index: number, change: Change): void {
    const node = this.details.get(index);
    if (node) this.details.set(index, changed(node, change));
  }
}

function skippedAs(cause: string | undefined): number {
  if (cause === "not taken") return NOT_TAKEN;
  return cause?.includes("cancel") ? CANCELLED : SKIPPED;
}

function codeAfter(change: Change): number | undefined {
  switch (change.kind) {
    case "started":
      return RUNNING;
    case "succeeded":
      return SUCCEEDED;
    case "failed":
      return FAILED;
    case "retrying":
      return WAITING;
    case "skipped":
      return skippedAs(change.cause);
    default:
      return undefined; // what the run does; and kinds of later versions
  }
}

function changed(node: Node, change: Change): Node {
  const attempts = Math.max(node.attempts, change.attempt ?? 0);
  const worker = change.worker ?? node.worker;
  switch (change.kind) {
    case "started":
      return { ...node, attempts, worker, state: "running", started_at: change.at, ended_at: null, duration_s: null };
    case "succeeded":
    case "failed": {
      const duration = change.duration_s ?? 0;
      // An attempt that was quick is recorded once, when it has ended.
      const began = node.state === "running" && node.started_at ? node.started_at : before(change.at, duration);
      return { ...node, attempts, worker, state: change.kind, started_at: began, ended_at: change.at, duration_s: duration };
    }
    case "retrying":
      return { ...node, attempts, worker, state: "waiting", ended_at: null };
    default:
      return { ...node, state: STATES[skippedAs(change.cause)], skipped_because: change.cause ?? null };
  }
}

const before = (at: string, seconds: number): string => new Date(Date.parse(at) - seconds * 1000).toISOString();

/** The state that several nodes show together: what needs attention first. */
export function stateOf(counts: Counts, total: number): State {
  if (counts.failed) return "failed";
  if (counts.running) return "running";
  if (counts.cancelled) return "cancelled";
  if (counts.succeeded + (counts.not_taken ?? 0) === total && counts.succeeded) return "succeeded";
  if (counts.succeeded) return "running";
  return counts.skipped ? "skipped" : "waiting";
}
