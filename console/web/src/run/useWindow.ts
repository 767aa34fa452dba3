// A long list of which only the rows in view are here: pages by offset, asked for as they come into view.
import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { get } from "../api/client";

const PAGE = 100;
const REFRESH_MS = 1_000;

export interface Window<Row> {
  total: number | undefined;
  row: (index: number) => Row | undefined;
  error: unknown;
  /** Says which rows are in view. */
  show: (first: number, last: number) => void;
}

interface Page<Row> {
  rows: Row[];
  total: number;
}

/** Rows of a list that `version` changes; it is read again at most once a second. */
export function useWindow<Answer, Row>(key: readonly unknown[], path: string, query: Record<string, string | number | boolean | readonly string[] | undefined>, pageOf: (answer: Answer) => Page<Row>, version: unknown): Window<Row> {
  const queries = useQueryClient();
  const [[first, last], setRange] = useState<[number, number]>([0, 0]);
  const pages: number[] = [];
  for (let page = first; page <= last; page += 1) pages.push(page);
  const known = useRef<{ of: string; total: number | undefined; pages: Map<number, Row[]> }>({ of: "", total: undefined, pages: new Map() });
  const of = JSON.stringify([path, query]);
  if (known.current.of !== of) known.current = { of, total: undefined, pages: new Map() };
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: [...key, query, page],
      queryFn: async ({ signal }: { signal: AbortSignal }) => pageOf(await get<Answer>(path, { ...query, limit: PAGE, offset: page * PAGE }, signal)),
      staleTime: Infinity,
    })),
  });
  results.forEach((result, at) => {
    if (!result.data) return;
    known.current.pages.set(pages[at], result.data.rows);
    known.current.total = result.data.total;
  });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: key });
    }, REFRESH_MS);
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [version]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    total: known.current.total,
    row: (index) => known.current.pages.get(Math.floor(index / PAGE))?.[index % PAGE],
    error: results.find((result) => result.isError)?.error,
    show: (from, to) => {
      const [next, end] = [Math.floor(Math.max(0, from) / PAGE), Math.floor(Math.max(0, to) / PAGE)];
      if (next !== first || end !== last) setRange([next, end]);
    },
  };
}
