import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { get, pathOf } from "../api/client";
import type { ListedRun, RunCounts, Runs } from "../api/types";
import { count } from "../ui/format";
import type { State } from "../ui/theme";
import { NO_NEWS, withChange, withNews, type News, type RunsChange } from "./live";

const PAGE = 50;
const RECONNECT_MS = 1_500;
const COUNT_AGAIN_MS = 2_000;
// More news than these: the list is read again.
const NEWS_MAX = 500;

export type Filters = Record<"q" | "workflow" | "name" | "team" | "user", string | undefined> & { label: string[]; state: string[] };

/** The runs that match, live: read once, then changed by what the gateway streams. */
export function useRuns(filters: Filters) {
  const queries = useQueryClient();
  const key = ["runs", filters];
  const runs = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => get<Runs>("/runs", { ...filters, limit: PAGE, after: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    staleTime: Infinity,
    gcTime: 0,
    placeholderData: keepPreviousData,
  });
  const [news, setNews] = useState<News>(NO_NEWS);
  const [isConnected, setConnected] = useState(true);
  const waiting = useRef<RunsChange[]>([]);
  const of = JSON.stringify(filters);
  const first = runs.isPlaceholderData ? undefined : runs.data?.pages[0];
  const { refetch } = runs;

  useEffect(() => {
    if (!first) return;
    setNews(NO_NEWS);
    waiting.current = [];
    let source: EventSource | undefined;
    let reconnecting: ReturnType<typeof setTimeout> | undefined;
    let counting: ReturnType<typeof setTimeout> | undefined;
    let frame = 0;
    let position = first.position;
    const draw = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        const changes = waiting.current.splice(0);
        setNews((old) => changes.reduce(withChange, old));
      });
      counting ??= setTimeout(() => {
        counting = undefined;
        void queries.invalidateQueries({ queryKey: ["runs:count"] });
      }, COUNT_AGAIN_MS);
    };
    const connect = () => {
      source = new EventSource(pathOf("/runs:stream", { ...(JSON.parse(of) as Filters), after: position ?? undefined }));
      source.onopen = () => setConnected(true);
      source.onerror = () => {
        source?.close();
        setConnected(false);
        reconnecting = setTimeout(connect, RECONNECT_MS);
      };
      source.addEventListener("lagged", () => {
        source?.close();
        void refetch();
      });
      source.addEventListener("changes", (event) => {
        const { data, lastEventId } = event as MessageEvent<string>;
        position = Number(lastEventId) || position;
        waiting.current.push(JSON.parse(data) as RunsChange);
        draw();
      });
    };
    connect();
    return () => {
      source?.close();
      clearTimeout(reconnecting);
      clearTimeout(counting);
      cancelAnimationFrame(frame);
    };
  }, [first, of, refetch, queries]);

  const isTooMuch = news.changed.size + news.gone.size > NEWS_MAX;
  useEffect(() => {
    if (isTooMuch) void refetch();
  }, [isTooMuch, refetch]);

  const found: ListedRun[] = useMemo(() => withNews(runs.data?.pages.flatMap((page) => page.runs) ?? [], news, runs.hasNextPage), [runs.data, news, runs.hasNextPage]);
  return { runs, found, isConnected };
}

/** How many runs there are in each state. */
export function useCounts(filters: Omit<Filters, "state">): Partial<Record<State, string>> {
  const counts = useQuery({ queryKey: ["runs:count", filters], queryFn: ({ signal }) => get<RunCounts>("/runs:count", filters, signal), placeholderData: keepPreviousData });
  return Object.fromEntries((counts.data?.counts ?? []).map((one) => [one.state, `${count(one.runs)}${one.capped ? "+" : ""}`]));
}
