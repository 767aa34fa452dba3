// The lines of a log that are here: a stretch of it, which grows at both ends and is cut at the other. Pure.

export interface Line {
  node: string;
  attempt: number;
  at: string;
  text: string;
}

export const KEPT_MAX = 20_000;
export const STEP = 2_000;

export interface Stretch {
  lines: readonly Line[];
  /** Nothing comes before the first, nothing after the last. */
  isFirst: boolean;
  isLast: boolean;
}

export const NOTHING: Stretch = { lines: [], isFirst: false, isLast: false };

type Query = Record<string, string | number | boolean>;

/** What is asked for to go on after the last line: lines of one time are told apart by their number. */
export function after(lines: readonly Line[]): Query {
  const last = lines.at(-1);
  if (!last) return {};
  let skip = 0;
  while (skip < lines.length && lines[lines.length - 1 - skip].at === last.at) skip += 1;
  return { printed_from: last.at, skip };
}

/** The same for what comes before the first line. */
export function before(lines: readonly Line[]): Query {
  const first = lines[0];
  if (!first) return {};
  let skip = 0;
  while (skip < lines.length && lines[skip].at === first.at) skip += 1;
  return { printed_before: justAfter(first.at), skip };
}

/** A microsecond later, as text: a browser's dates have only milliseconds. */
export function justAfter(at: string): string {
  const [, whole, digits] = /^(.*?\.)(\d{6})Z$/.exec(at) ?? [];
  if (!digits) return at;
  const next = Number(digits) + 1;
  if (next < 1_000_000) return `${whole}${String(next).padStart(6, "0")}Z`;
  return `${new Date(Date.parse(`${whole}000Z`) + 1_000).toISOString().slice(0, 19)}.000000Z`;
}

export function appended(old: Stretch, more: readonly Line[], isLast: boolean): Stretch {
  const lines = [...old.lines, ...more];
  const cut = Math.max(0, lines.length - KEPT_MAX);
  return { lines: cut ? lines.slice(cut) : lines, isFirst: old.isFirst && !cut, isLast };
}

export function prepended(old: Stretch, more: readonly Line[], isFirst: boolean): Stretch {
  const lines = [...more, ...old.lines];
  const isCut = lines.length > KEPT_MAX;
  return { lines: isCut ? lines.slice(0, KEPT_MAX) : lines, isFirst, isLast: old.isLast && !isCut };
}
