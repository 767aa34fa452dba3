// The nodes of one run, kept current by the changes that the gateway streams.
import type { Counts, Node } from "../api/types";
import type { State } from "../ui/theme";

export interface Change {
  seq: number;
  at: string;
  kind: string;
  nodes?: string[];
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

/** Apply one change to the nodes that it names. Nodes are replaced, not changed: what shows one sees that it is another. */
export function apply(nodes: Node[], indexes: ReadonlyMap<string, number>, change: Change): void {
  for (const name of change.nodes ?? []) {
    const index = indexes.get(name);
    if (index === undefined) continue;
    const node = nodes[index];
    const changed = changedNode(node, change);
    if (changed) nodes[index] = changed;
  }
}

function changedNode(node: Node, change: Change): Node | undefined {
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
    case "skipped":
      return { ...node, state: change.cause?.includes("cancel") ? "cancelled" : "skipped", skipped_because: change.cause ?? null };
    default:
      return undefined; // what the run does; and kinds of later versions
  }
}

const before = (at: string, seconds: number): string => new Date(Date.parse(at) - seconds * 1000).toISOString();

export function countsOf(nodes: readonly Node[]): Record<State, number> {
  const counts: Record<State, number> = { waiting: 0, running: 0, succeeded: 0, failed: 0, skipped: 0, cancelled: 0, cancelling: 0 };
  for (const node of nodes) counts[node.state] += 1;
  return counts;
}
