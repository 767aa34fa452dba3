// When what ran: by operator, node by node, or the nodes that the end waited for. Beside it, how long it usually takes.
import { Group, SegmentedControl, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type ReactNode } from "react";
import { get, part } from "../api/client";
import type { Operators, Run, Statistics, Timeline as Rows, TimelineNode } from "../api/types";
import { between, counted, duration, functionName } from "../ui/format";
import { Empty, Failed, Loading, useNow } from "../ui/pieces";
import { useIsDark } from "../ui/states";
import { CRITICAL, LOOKS, type State } from "../ui/theme";
import { stateOf } from "./store";
import { isEnded, type Live } from "./useRun";
import { useWindow } from "./useWindow";

const HEIGHT = 26;
// At the left for names, at the right for words beside bars that end there: narrower on a phone.
const NAME = "var(--timeline-name)";
const SIDE = "var(--timeline-side)";
const TICKS = 5;
const BY_OPERATOR_FROM = 60;
const REFRESH_MS = 2_000;
// What takes longer than that many times the usual is pointed out, if it is long enough to be noticed.
const SLOW = 1.5;
const NOTICED_S = 0.5;
const MODES = { operators: "By operator", nodes: "Nodes", critical: "Critical path" };

/** Round steps for an axis from 0 to a number of seconds. */
export function ticks(total: number): number[] {
  const rough = total / TICKS;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-3)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const found: number[] = [];
  for (let at = 0; at <= total; at += step) found.push(at);
  return found;
}

/** "1.8 times the usual", where that is worth a word. */
export function compared(seconds: number | null, usual: number | undefined): string {
  if (seconds === null || usual === undefined || usual <= 0 || Math.max(seconds, usual) < NOTICED_S) return "";
  const times = seconds / usual;
  if (times >= SLOW) return `${times < 10 ? times.toFixed(1) : Math.round(times)}× the usual`;
  return times <= 1 / SLOW ? `${(usual / seconds).toFixed(1)}× faster than usual` : "";
}

/** Medians of the last thirty days: of the workflow's runs, and of the nodes of each operator. */
function useUsual(workflow: string): { run: number | undefined; runs: number; operators: ReadonlyMap<string, number> } {
  const runs = useQuery({ queryKey: ["statistics", "workflow", workflow], queryFn: ({ signal }) => get<Statistics>("/statistics", { by: ["workflow"], workflow }, signal), staleTime: 60_000 });
  const operators = useQuery({ queryKey: ["statistics", "operator", workflow], queryFn: ({ signal }) => get<Statistics>("/statistics", { by: ["operator"], workflow }, signal), staleTime: 60_000 });
  const row = runs.data?.rows[0];
  return {
    run: row && row.succeeded > 1 ? row.p50_s : undefined,
    runs: row?.succeeded ?? 0,
    operators: new Map(operators.data?.rows.flatMap((one) => (one.operator && one.succeeded > 1 ? [[one.operator, one.p50_s]] : []))),
  };
}

interface Props {
  run: Run;
  live: Live;
  rows: string | undefined;
  operator: string | undefined;
  change: (changed: Record<string, string | string[]>) => void;
  select: (node: string) => void;
  selected: string | undefined;
  height: number;
}

export function Timeline({ run, live, rows, operator, change, select, selected, height }: Props) {
  const isOpen = !isEnded(live.state);
  const now = useNow(isOpen ? 500 : 60_000);
  const usual = useUsual(run.workflow);
  const dark = useIsDark();
  const mode = rows && rows in MODES ? rows : live.nodes.size > BY_OPERATOR_FROM ? "operators" : "nodes";
  const total = Math.max(0.001, between(run.submitted_at, run.ended_at, now) ?? 0.001);
  const axis: Axis = { began: Date.parse(run.submitted_at), total, now };
  const slow = run.ended_at ? compared(total, usual.run) : "";
  return (
    <div className="panel" style={{ padding: "10px 16px 12px" }}>
      <Group justify="space-between" mb={10} gap="xs">
        <Group gap="xs">
          <SegmentedControl size="xs" aria-label="Rows" value={mode} onChange={(next) => change({ rows: next, operator: "" })} data={Object.entries(MODES).map(([value, label]) => ({ value, label }))} />
          {operator && mode === "nodes" && <button type="button" className="chip" onClick={() => change({ operator: "" })} aria-label={`Show the nodes of all operators, not only of ${functionName(operator)}`}>{functionName(operator)} ×</button>}
        </Group>
        <Text size="xs" c="dimmed">{duration(total)} in all{usual.run !== undefined && `; the median of ${counted(usual.runs, "run")} in 30 days is ${duration(usual.run)}`}{slow && <b> ({slow})</b>}</Text>
      </Group>
      <div className="axis" style={{ marginLeft: NAME, marginRight: SIDE }} aria-hidden>
        {ticks(total).map((tick) => <span key={tick} style={{ left: `${(tick / total) * 100}%`, transform: tick / total > 0.95 ? "translateX(-100%)" : tick ? "translateX(-50%)" : undefined }}>{tick ? duration(tick) : "0"}</span>)}
      </div>
      {mode === "operators"
        ? <OperatorRows run={run.run} axis={axis} usual={usual.operators} isOpen={isOpen} open={(name) => change({ rows: "nodes", operator: name })} height={height} />
        : <NodeRows key={`${mode} ${operator}`} run={run.run} axis={axis} usual={usual.operators} live={live} operator={operator ?? ""} isCritical={mode === "critical"} select={select} selected={selected} height={height} />}
      {mode !== "operators" && (
        <Group gap="md" mt={8} fz={12} c="dimmed">
          {usual.operators.size > 0 && <span className="legend"><i className="mark" />Median of the operator in 30 days</span>}
          {mode === "nodes" && !isOpen && <span className="legend"><i style={{ background: CRITICAL[dark ? 1 : 0] }} />Critical path</span>}
        </Group>
      )}
    </div>
  );
}

interface Axis {
  began: number;
  total: number;
  now: number;
}

const shareOf = (axis: Axis, time: string | null): number => Math.min(1, Math.max(0, ((time ? Date.parse(time) : axis.now) - axis.began) / 1000 / axis.total));

function Row({ top, name, hint, isSelected, onClick, children }: { top: number; name: ReactNode; hint: string; isSelected?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <div role="listitem" className="timeline-row row-link" style={{ transform: `translateY(${top}px)`, background: isSelected ? "color-mix(in srgb, #2577d2 12%, transparent)" : undefined }} onClick={onClick}>
      <button type="button" className="timeline-name" style={{ width: `calc(${NAME} - 12px)` }} title={hint}>{name}</button>
      <div style={{ position: "absolute", left: NAME, right: SIDE, top: 5, bottom: 5 }} title={hint}>{children}</div>
    </div>
  );
}

function Bar({ from, to, colour, opacity = 0.88, outline }: { from: number; to: number; colour: string; opacity?: number; outline?: string }) {
  return <span className="timeline-bar" style={{ left: `${from * 100}%`, width: `max(3px, ${(to - from) * 100}%)`, background: colour, opacity, boxShadow: outline ? `0 0 0 2px ${outline}` : undefined }} />;
}

/** Where something of the usual duration would have ended. */
const Usual = ({ at }: { at: number }) => (at < 1 ? <span className="timeline-usual" style={{ left: `${at * 100}%` }} /> : null);

function Words({ at, children }: { at: number; children: ReactNode }) {
  return <span className="timeline-words" style={{ left: `calc(${at * 100}% + 8px)` }}>{children}</span>;
}

function OperatorRows({ run, axis, usual, isOpen, open, height }: { run: string; axis: Axis; usual: ReadonlyMap<string, number>; isOpen: boolean; open: (operator: string) => void; height: number }) {
  const dark = useIsDark();
  const found = useQuery({ queryKey: ["of-run", run, "operators"], queryFn: ({ signal }) => get<Operators>(`/runs/${part(run)}/operators`, {}, signal), refetchInterval: isOpen ? REFRESH_MS : false });
  if (found.isPending) return <Loading what="the timeline" />;
  if (found.isError) return <Failed error={found.error} retry={() => void found.refetch()} />;
  const shown = found.data.operators.filter((one) => one.first_at);
  if (!shown.length) return <Empty title="Nothing has started yet" />;
  return (
    <div style={{ maxHeight: height, overflowY: "auto" }} tabIndex={0} role="list" aria-label="Timeline">
      <div style={{ height: shown.length * HEIGHT, position: "relative" }} role="presentation">
        {shown.map((one, index) => {
          const [from, to] = [shareOf(axis, one.first_at), shareOf(axis, one.last_at)];
          const name = functionName(one.operator) || "barriers";
          const ink = LOOKS[stateOf(one.counts, one.nodes)].ink[dark ? 1 : 0];
          const often = one.nodes > 1 ? `${duration(one.p50_s)} each` : duration(one.p50_s);
          const words = compared(one.p50_s, usual.get(one.operator)) || (one.p50_s === null ? "" : often);
          return (
            <Row key={one.operator} top={index * HEIGHT} name={<>{name} <span style={{ color: "var(--soft)" }}>× {one.nodes}</span></>} hint={`${one.operator || name}: ${counted(one.nodes, "node")}, median ${duration(one.p50_s)}, longest ${duration(one.max_s)}`} onClick={() => open(one.operator)}>
              <Bar from={from} to={to} colour={ink} opacity={0.35} />
              <Bar from={from} to={from + (to - from) * ((one.nodes - one.counts.waiting - one.counts.running) / one.nodes)} colour={ink} />
              <Words at={to}>{words}</Words>
            </Row>
          );
        })}
      </div>
    </div>
  );
}

const pageOf = (answer: Rows): { rows: TimelineNode[]; total: number } => ({ rows: answer.nodes, total: answer.total });

interface NodeRowsProps {
  run: string;
  axis: Axis;
  usual: ReadonlyMap<string, number>;
  live: Live;
  operator: string;
  isCritical: boolean;
  select: (node: string) => void;
  selected: string | undefined;
  height: number;
}

function NodeRows({ run, axis, usual, live, operator, isCritical, select, selected, height }: NodeRowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const { total, row: nodeAt, error, show } = useWindow<Rows, TimelineNode>(["of-run", run, "timeline"], `/runs/${part(run)}/timeline`, { operator, critical: isCritical }, pageOf, live.version);
  const virtual = useVirtualizer({ count: total ?? 0, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 15 });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => show(first, last));
  if (error !== undefined) return <Failed error={error} />;
  if (total === undefined) return <Loading what="the timeline" />;
  if (total === 0) return <Empty title="Nothing has started yet" />;
  return (
    <div ref={box} style={{ maxHeight: height, overflowY: "auto" }} tabIndex={0} role="list" aria-label="Timeline">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
        {items.map((item) => {
          const node = nodeAt(item.index);
          return node && <NodeRow key={node.index} node={node} top={item.start} axis={axis} usual={usual.get(node.operator)} isSelected={node.name === selected} isMarked={node.critical && !isCritical} select={select} />;
        })}
      </div>
    </div>
  );
}

function NodeRow({ node, top, axis, usual, isSelected, isMarked, select }: { node: TimelineNode; top: number; axis: Axis; usual: number | undefined; isSelected: boolean; isMarked: boolean; select: (node: string) => void }) {
  const dark = useIsDark();
  const shade = dark ? 1 : 0;
  const attempts = node.attempts.filter((one) => one.started_at);
  const final = attempts.at(-1);
  if (!final) return null;
  const [from, to] = [shareOf(axis, final.started_at), shareOf(axis, final.ended_at)];
  const took = final.duration_s ?? between(final.started_at, final.ended_at, axis.now);
  const unusual = compared(took, usual);
  const tries = attempts.length > 1 ? `, ${attempts.length} attempts` : "";
  return (
    <Row top={top} name={node.name} isSelected={isSelected} onClick={() => select(node.name)} hint={`${node.name}: ${LOOKS[node.state as State].word}, ${duration(took)}${tries}${usual === undefined ? "" : `; usually ${duration(usual)}`}${isMarked ? "; on the critical path" : ""}`}>
      <span style={{ position: "absolute", left: 0, width: `${shareOf(axis, attempts[0].started_at) * 100}%`, top: 7, height: 2, background: "var(--line)" }} />
      {attempts.slice(0, -1).map((one) => <Bar key={one.attempt} from={shareOf(axis, one.started_at)} to={shareOf(axis, one.ended_at)} colour={LOOKS.failed.ink[shade]} opacity={0.5} />)}
      <Bar from={from} to={to} colour={LOOKS[node.state as State].ink[shade]} outline={isMarked ? CRITICAL[shade] : undefined} />
      {usual !== undefined && <Usual at={from + usual / axis.total} />}
      <Words at={to}>{duration(took)}{unusual && <b> {unusual}</b>}</Words>
    </Row>
  );
}
