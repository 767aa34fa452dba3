// What a run waits for that no worker does: times, signals, answers.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { get, part } from "../api/client";
import type { Wait, Waits } from "../api/types";
import { isEnded, type Live } from "./useRun";

const NONE: readonly Wait[] = [];

/** The waits of a run, asked for again when one begins; without those that have ended since. */
export function useWaits(run: string, live: Live | undefined): readonly Wait[] {
  const isOpen = live !== undefined && !isEnded(live.state);
  const found = useQuery({ queryKey: ["waits", run, live?.waits ?? 0], queryFn: ({ signal }) => get<Waits>(`/runs/${part(run)}/waits`, {}, signal), enabled: isOpen, placeholderData: (before) => before });
  const waits = found.data?.waits ?? NONE;
  const nodes = live?.nodes;
  const version = live?.version;
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  return useMemo(() => (isOpen && nodes ? waits.filter((one) => nodes.state(one.index) === "waiting") : NONE), [isOpen, waits, nodes, version]);
}

/** What a wait is for, in a few words, for a box of the graph. */
export function waitWords(wait: Wait): string {
  if (wait.kind === "signal") return "waits for a signal";
  if (wait.kind === "approval") return "waits for an answer";
  if (wait.kind === "child run") return "waits for its run";
  return wait.until ? `until ${when(wait.until)}` : "waits";
}

/** A time as short as it can be: today's without its day. */
export function when(at: string, now = new Date()): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString(undefined, { month: "short", day: "numeric" })}, ${time}`;
}
