import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { get, part, pathOf } from "../api/client";
import type { Node, Nodes, Run, States } from "../api/types";
import type { State } from "../ui/theme";
import { RunNodes, type Changes } from "./store";

const DETAILS_PAGE = 100;
const RECONNECT_MS = 1_500;
// A run that has ended may be reopened.
const LOOKED_AT_EVERY_MS = 5_000;

export interface Live {
  nodes: RunNodes;
  /** Another object after each change that is to be drawn. */
  version: object;
  state: State;
  /** Nothing new of it starts. */
  isPaused: boolean;
  /** The run whose results it took over. */
  forkedFrom: string | null;
  /** The run that has started it. */
  parent: string | null;
  /** Another number after each event that may change what the run waits for. */
  waits: number;
}

export interface LiveRun {
  run: Run | undefined;
  live: Live | undefined;
  state: State | undefined;
  /** False while the gateway does not respond: what is shown may be old. */
  isConnected: boolean;
  error: unknown;
  retry: () => void;
  /** Ask for what else is known of nodes, once. */
  need: (indexes: Iterable<number>) => void;
}

/** What says that a run begins to wait, or has got what it waited for. */
const OF_WAITS: ReadonlySet<string> = new Set(["waiting", "signal"]);

export const isEnded = (state: string): boolean => state !== "running" && state !== "cancelling";

/** A run with its nodes, live until it has ended. However many changes come, the page is drawn once a frame. */
export function useRun(run: string): LiveRun {
  const queries = useQueryClient();
  const summary = useQuery({ queryKey: ["run", run], queryFn: ({ signal }) => get<Run>(`/runs/${part(run)}`, {}, signal), refetchInterval: ({ state }) => (state.data && isEnded(state.data.state) ? LOOKED_AT_EVERY_MS : false) });
  const start = useQuery({ queryKey: ["states", run], queryFn: ({ signal }) => get<States>(`/runs/${part(run)}/states`, {}, signal), staleTime: Infinity });
  const [live, setLive] = useState<Live>();
  const [isConnected, setConnected] = useState(true);
  const frame = useRef(0);
  const wanted = useRef(new Set<number>());

  useEffect(() => {
    if (!start.data) return;
    const nodes = new RunNodes(start.data);
    let { seq, state, paused }: { seq: number; state: State; paused: boolean } = start.data;
    let waits = seq;
    const found = (): Live => ({ nodes, version: {}, state, isPaused: paused, forkedFrom: start.data.forked_from, parent: start.data.parent, waits });
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    wanted.current.clear();
    setLive(found());
    if (isEnded(state)) return;

    const draw = () => {
      frame.current ||= requestAnimationFrame(() => {
        frame.current = 0;
        setLive(found());
      });
    };
    const connect = () => {
      source = new EventSource(pathOf(`/runs/${part(run)}/stream`, { after_seq: seq }));
      source.onopen = () => setConnected(true);
      source.onerror = () => {
        source?.close();
        if (isEnded(state)) return;
        setConnected(false);
        timer = setTimeout(connect, RECONNECT_MS);
      };
      source.addEventListener("lagged", () => {
        source?.close();
        void start.refetch();
      });
      source.addEventListener("changes", (event) => {
        const message = JSON.parse((event as MessageEvent<string>).data) as Changes;
        if (message.changes.some((change) => change.kind === "reopened")) {
          source?.close();
          void start.refetch();
          return;
        }
        for (const change of message.changes) {
          nodes.apply(change);
          seq = Math.max(seq, change.seq);
          if (OF_WAITS.has(change.kind)) waits = change.seq;
          if (change.kind === "paused" || change.kind === "resumed") paused = change.kind === "paused";
        }
        state = message.state;
        if (isEnded(state)) {
          paused = false;
          source?.close();
          void queries.invalidateQueries({ queryKey: ["run", run] });
          void queries.invalidateQueries({ queryKey: ["of-run", run] });
        }
        draw();
      });
    };
    connect();
    return () => {
      source?.close();
      clearTimeout(timer);
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [run, start.data, start.refetch, queries]);

  // Somebody has reopened a run that had ended, and it may have ended again: it is read again, and watched.
  const refetch = start.refetch;
  const knownEnd = useRef<string>(undefined);
  const said = summary.isFetching ? undefined : summary.data;
  const shown = live?.state;
  useEffect(() => {
    if (!said || !shown || !isEnded(shown)) return;
    const before = knownEnd.current;
    knownEnd.current = said.ended_at ?? undefined;
    if (said.state === shown && (before === undefined || before === said.ended_at)) return;
    void refetch();
    void queries.invalidateQueries({ queryKey: ["of-run", run] });
  }, [said, shown, refetch, queries, run]);

  const nodes = live?.nodes;
  const need = useCallback((indexes: Iterable<number>) => {
    if (!nodes) return;
    const pages = new Set<number>();
    for (const index of indexes) {
      const page = Math.floor(index / DETAILS_PAGE);
      if (!nodes.details.has(index) && !wanted.current.has(page)) pages.add(page);
    }
    for (const page of pages) {
      wanted.current.add(page);
      const asked = get<Nodes>(`/runs/${part(run)}/nodes`, { limit: DETAILS_PAGE, after: page * DETAILS_PAGE - 1 });
      nodes.learn(asked).then(() => setLive((old) => old && { ...old, version: {} }), () => wanted.current.delete(page));
    }
  }, [run, nodes]);

  return {
    run: summary.data,
    live,
    state: live?.state ?? summary.data?.state,
    isConnected,
    error: summary.error ?? start.error,
    retry: () => {
      void summary.refetch();
      void start.refetch();
    },
    need,
  };
}

/** One node of a run by its name, current as the run is. */
export function useNode(run: string, name: string | undefined, live: Live | undefined): Node | undefined {
  const [found, setFound] = useState<{ name: string; index: number }>();
  const nodes = live?.nodes;
  useEffect(() => {
    if (!name || !nodes) return;
    let isWanted = true;
    const path = `/runs/${part(run)}/nodes/${part(name)}`;
    // What has happened since the answer was made is not known of it: nothing newer may be lost, so it counts as old.
    const asked = get<Node>(path).then((node) => ({ nodes: [node], seq: 0 }));
    nodes.learn(asked).then(async () => {
      const { index } = (await asked).nodes[0];
      if (isWanted) setFound({ name, index });
    }, () => isWanted && setFound(undefined));
    return () => {
      isWanted = false;
    };
  }, [run, name, nodes]);
  return name !== undefined && found?.name === name ? nodes?.details.get(found.index) : undefined;
}
