import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { get, part, pathOf } from "../api/client";
import type { Node, Nodes, Run } from "../api/types";
import type { State } from "../ui/theme";
import { apply, type Changes } from "./store";

const PAGE = 1_000;
const RECONNECT_MS = 1_500;

export interface LiveRun {
  run: Run | undefined;
  nodes: readonly Node[] | undefined;
  state: State | undefined;
  /** False while the gateway does not respond: what is shown may be old. */
  isConnected: boolean;
  error: unknown;
  retry: () => void;
}

const isEnded = (state: string): boolean => state !== "running" && state !== "cancelling";

async function allNodes(run: string, signal: AbortSignal): Promise<{ nodes: Node[]; seq: number; state: State }> {
  const nodes: Node[] = [];
  let seq: number | undefined;
  let state: State = "running";
  let after: number | null = -1;
  while (after !== null) {
    const page: Nodes = await get<Nodes>(`/runs/${part(run)}/nodes`, { limit: PAGE, after }, signal);
    nodes.push(...page.nodes);
    // Changes are applied again from the moment of the first page on, which does no harm.
    seq ??= page.seq;
    state = page.state;
    after = page.next;
  }
  return { nodes, seq: seq ?? 0, state };
}

/** A run with its nodes, live until it has ended. However many changes come, the page is drawn once a frame. */
export function useRun(run: string): LiveRun {
  const queries = useQueryClient();
  const summary = useQuery({ queryKey: ["run", run], queryFn: ({ signal }) => get<Run>(`/runs/${part(run)}`, {}, signal) });
  const start = useQuery({ queryKey: ["nodes", run], queryFn: ({ signal }) => allNodes(run, signal), staleTime: Infinity });
  const [live, setLive] = useState<{ nodes: readonly Node[]; state: State }>();
  const [isConnected, setConnected] = useState(true);
  const frame = useRef(0);

  useEffect(() => {
    if (!start.data) return;
    const nodes = [...start.data.nodes];
    const indexes = new Map(nodes.map((node, index) => [node.name, index]));
    let { seq, state } = start.data;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    setLive({ nodes: [...nodes], state });
    if (isEnded(state)) return;

    const draw = () => {
      frame.current ||= requestAnimationFrame(() => {
        frame.current = 0;
        setLive({ nodes: [...nodes], state });
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
        for (const change of message.changes) {
          apply(nodes, indexes, change);
          seq = Math.max(seq, change.seq);
        }
        state = message.state;
        draw();
        if (isEnded(state)) {
          source?.close();
          void queries.invalidateQueries({ queryKey: ["run", run] });
          void queries.invalidateQueries({ queryKey: ["of-run", run] });
        }
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

  return {
    run: summary.data,
    nodes: live?.nodes,
    state: live?.state ?? summary.data?.state,
    isConnected,
    error: summary.error ?? start.error,
    retry: () => {
      void summary.refetch();
      void start.refetch();
    },
  };
}
