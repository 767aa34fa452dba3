// A list of runs that changes as they do: pages that were read, and what the gateway has streamed since.
import type { ListedRun } from "../api/types";

export interface RunsChange {
  runs: ListedRun[];
  /** Ids of runs that match no longer, and of those that no longer exist. */
  left: string[];
  removed: string[];
}

export interface News {
  changed: ReadonlyMap<string, ListedRun>;
  gone: ReadonlySet<string>;
}

export const NO_NEWS: News = { changed: new Map(), gone: new Set() };

export function withChange(news: News, change: RunsChange): News {
  const changed = new Map(news.changed);
  const gone = new Set(news.gone);
  for (const run of change.runs) {
    changed.set(run.run, run);
    gone.delete(run.run);
  }
  for (const run of [...change.left, ...change.removed]) {
    changed.delete(run);
    gone.add(run);
  }
  return { changed, gone };
}

const isBefore = (one: ListedRun, other: ListedRun): boolean => one.submitted_at > other.submitted_at || (one.submitted_at === other.submitted_at && one.run > other.run);

/** The list as it is now, newest first. Runs older than what was read come with the pages that follow. */
export function withNews(read: readonly ListedRun[], news: News, isMore: boolean): ListedRun[] {
  const known = new Set(read.map((run) => run.run));
  const last = read.at(-1);
  const added = [...news.changed.values()].filter((run) => !known.has(run.run) && (!isMore || !last || isBefore(run, last)));
  const found = read.filter((run) => !news.gone.has(run.run)).map((run) => news.changed.get(run.run) ?? run);
  return [...added, ...found].sort((one, other) => (isBefore(one, other) ? -1 : 1));
}
