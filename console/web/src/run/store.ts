// The nodes of one run: the state of each, and the rest of those that are shown. The changes that the gateway streams keep both current.
import type { Counts, Node, Nodes, States } from "../api/types";
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
  /** What a map adds: the index of its first node, how many items, how many nodes. */
  added?: readonly [first: number, items: number, nodes: number];
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

/** Numbers in the order of the states, by their names. */
export const countsOf = (totals: Int32Array): NodeCounts => Object.fromEntries(STATES.map((state, index) => [state, totals[index]])) as NodeCounts;

/** How many nodes there are, without those that stand for others. */
export const totalOf = (counts: NodeCounts): number => STATES.reduce((sum, state) => (state === "mapped" ? sum : sum + counts[state]), 0);

/** What a map has added: a node for each item and each node within the map, those of one node in a row. */
export interface Growth {
  /** The map's node. */
  node: number;
  first: number;
  items: number;
}

/** Of each node, its state; of some, all that is known. Indexes are those of the plan, then what maps have added. */
export class RunNodes {
  states: Uint8Array;
  #room: Uint8Array;
  readonly details = new Map<number, Node>();
  readonly #totals = new Int32Array(STATES.length);
  // Changes since details were asked for: an answer may be older than they are.
  #recent: Change[] = [];
  #awaited = 0;
  readonly growths: Growth[];
  /** Of each map, the nodes that are executed once for each item. */
  readonly #within: ReadonlyMap<number, readonly number[]>;
  readonly #mapped: ReadonlySet<number>;

  constructor({ states: letters, maps, growths }: Pick<States, "states" | "maps" | "growths">) {
    this.growths = growths.map(([node, first, items]) => ({ node, first, items }));
    this.#within = new Map(maps.map((one) => [one.node, one.within]));
    this.#mapped = new Set(maps.flatMap((one) => one.within));
    this.states = this.#room = Uint8Array.from(letters, (letter) => Math.max(0, LETTERS.indexOf(letter)));
    for (const state of this.states) this.#totals[state] += 1;
  }

  get size(): number {
    return this.states.length;
  }

  /** How many nodes the plan has. */
  get planned(): number {
    return this.growths.length ? this.growths[0].first : this.size;
  }

  /** Whether it is executed once for each item of a map, and not itself. */
  isMapped(index: number): boolean {
    return this.#mapped.has(index);
  }

  /** The node of the plan that a node is an execution of: itself, unless a map has added it. */
  templateOf(node: number): number {
    const { growths } = this;
    if (node < this.planned) return node;
    let [low, high] = [0, growths.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (growths[middle].first <= node) low = middle;
      else high = middle - 1;
    }
    const { node: map, first, items } = growths[low];
    return this.#withinOf(map)[Math.floor((node - first) / items)];
  }

  /** What maps have added: nodes of the plan with the first and one past the last of their executions. */
  *executions(): Generator<[template: number, from: number, to: number]> {
    for (const { node, first, items } of this.growths) {
      const within = this.#withinOf(node);
      for (let at = 0; at < within.length; at += 1) yield [within[at], first + at * items, first + (at + 1) * items];
    }
  }

  /** How many items a map has, in all its executions. */
  itemsOf(map: number): number {
    return this.growths.reduce((sum, growth) => (this.templateOf(growth.node) === map ? sum + growth.items : sum), 0);
  }

  /** How many executions of a node within a map are in each state. */
  countsOfItems(template: number): NodeCounts {
    const totals = new Int32Array(STATES.length);
    for (const [node, from, to] of this.executions()) {
      if (node === template) for (let index = from; index < to; index += 1) totals[this.states[index]] += 1;
    }
    return countsOf(totals);
  }

  #withinOf(map: number): readonly number[] {
    return this.#within.get(this.templateOf(map)) ?? [];
  }

  state(index: number): State {
    return STATES[this.states[index]];
  }

  counts(): NodeCounts {
    return countsOf(this.#totals);
  }

  apply(change: Change): void {
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
    if (change.added) this.#add(change.indexes![0], change.added);
  }

  #add(node: number, [first, items, nodes]: NonNullable<Change["added"]>): void {
    if (this.growths.some((growth) => growth.first === first)) return; // said again after a reconnection
    this.growths.push({ node, first, items });
    if (first + nodes > this.size) this.#grow(first + nodes);
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

  /** Make room for nodes that a map has added. */
  #grow(size: number): void {
    if (size > this.#room.length) {
      const room = new Uint8Array(2 * size);
      room.set(this.states);
      this.#room = room;
    }
    this.#totals[WAITING] += size - this.size;
    this.states = this.#room.subarray(0, size);
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
  if (!total) return counts.mapped ? "mapped" : "waiting";
  if (counts.failed) return "failed";
  if (counts.running) return "running";
  if (counts.cancelled) return "cancelled";
  const ended = counts.succeeded + (counts.not_taken ?? 0) + counts.skipped;
  if (ended < total) return ended ? "running" : "waiting";
  if (counts.succeeded >= counts.skipped && counts.succeeded) return "succeeded";
  return counts.skipped ? "skipped" : "not_taken";
}

/** Of the name of an item such as "row[3][0]": the node of the plan, and the numbers of its items. */
export function itemOf(name: string): { of: string; path: number[] } | undefined {
  const found = /^([^[]+)((?:\[\d+\])+)$/.exec(name);
  return found ? { of: found[1], path: found[2].slice(1, -1).split("][").map(Number) } : undefined;
}
