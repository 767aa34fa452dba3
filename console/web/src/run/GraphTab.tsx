import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { get, part } from "../api/client";
import type { CriticalPath, Layout, Wait } from "../api/types";
import { Empty, Failed, Loading } from "../ui/pieces";
import { Graph } from "./graph/Graph";
import { itemOf } from "./store";
import { isEnded, type Live } from "./useRun";

const GROUPED_FROM = 60;
// A plan of more nodes is shown in groups alone.
const APART_MAX = 20_000;

interface Props {
  run: string;
  plan: string;
  live: Live;
  need: (indexes: Iterable<number>) => void;
  waits: readonly Wait[];
  selected: string | undefined;
  select: (node: string | undefined) => void;
  /** "grouped" or "nodes"; undefined: as fits. */
  mode: string | undefined;
  opened: readonly string[];
  change: (changed: Record<string, string | string[]>) => void;
  height: number;
}

/** The nodes that the end of a run waited for, in their order. */
function useCriticalPath(run: string, state: string): readonly number[] {
  const path = useQuery({ queryKey: ["of-run", run, "critical", state], queryFn: ({ signal }) => get<CriticalPath>(`/runs/${part(run)}/critical-path`, {}, signal), enabled: isEnded(state), staleTime: Infinity });
  return useMemo(() => path.data?.nodes.map((node) => node.index) ?? [], [path.data]);
}

/** The layout of a plan. The mode that it is of comes with it: for a moment, the layout before is shown. */
export const layoutOf = (plan: string, isGrouped: boolean, opened: readonly string[]) => queryOptions({
  queryKey: ["layout", plan, isGrouped, isGrouped ? opened : []],
  queryFn: async ({ signal }) => ({ of: isGrouped, drawn: await get<Layout>(`/plans/${part(plan)}/layout`, isGrouped ? { open: opened } : { apart: true }, signal) }),
  staleTime: Infinity,
});

export function GraphTab({ run, plan, live, need, waits, selected, select, mode, opened, change, height }: Props) {
  const { planned } = live.nodes;
  const isGrouped = planned > APART_MAX || mode !== "nodes";
  const critical = useCriticalPath(run, live.state);
  const layout = useQuery({ ...layoutOf(plan, isGrouped, opened), placeholderData: keepPreviousData });
  if (layout.isPending) return <Loading what="the graph" height={height} />;
  if (layout.isError) return <Failed error={layout.error} retry={() => void layout.refetch()} />;
  if (layout.data.drawn.nodes === 0) return <div className="panel"><Empty title="This run has no nodes">Its outputs are made of its inputs alone.</Empty></div>;
  return (
    <Graph
      layout={layout.data.drawn} live={live} need={need} critical={critical} waits={waits} selected={selected && (itemOf(selected)?.of ?? selected)} select={select} isGrouped={layout.data.of} hasGroups={planned > GROUPED_FROM || layout.data.drawn.loops.length > 0} hasNodes={planned <= APART_MAX}
      opened={opened} open={(keys) => change({ open: [...keys] })} setMode={(next) => change({ boxes: next, open: [] })} height={height}
    />
  );
}
