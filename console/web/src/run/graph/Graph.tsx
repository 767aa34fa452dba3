// The graph of a run: SVG with names and a button a box while few boxes are in view, else one canvas.
import { ActionIcon, Button, Group, SegmentedControl, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { Maximize, Minus, Plus } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { Layout, Node, Wait } from "../../api/types";
import { count, counted, duration } from "../../ui/format";
import { useIsDark } from "../../ui/states";
import { CRITICAL, LOOKS, type State } from "../../ui/theme";
import { stateOf, totalOf, type NodeCounts } from "../store";
import { waitWords } from "../useWaits";
import type { Live } from "../useRun";
import { paint } from "./canvas";
import { BOX_HEIGHT, BOX_WIDTH, boxOfNode, countsByBox, detailOf, drawn, fitted, isGroup, pathText, pointsOf, seen, steadied, zoomed, type Box, type View } from "./plan";

const NEAR_BOXES_MAX = 400;
const NEAR_SCALE_MIN = 0.35;
const DRAG_PX = 4;
const DETAIL_CHARS = 26;
// A graph of one long column would be a line if all of it were shown at first.
const FIRST_SCALE_MIN = 0.36;
const TALL = 4;
// Few boxes are shown so that their names can be read, beginning with what needs attention.
const FEW_BOXES_MAX = 60;
const READABLE_SCALE_MIN = 0.5;
const ATTENTION: readonly State[] = ["failed", "running", "waiting"];

interface Props {
  layout: Layout;
  live: Live;
  need: (indexes: Iterable<number>) => void;
  /** The nodes that the end of the run waited for, in their order. */
  critical: readonly number[];
  waits: readonly Wait[];
  selected: string | undefined;
  select: (node: string | undefined) => void;
  isGrouped: boolean;
  /** Whether there are groups, and whether all nodes can be shown apart. */
  hasGroups: boolean;
  hasNodes: boolean;
  opened: readonly string[];
  open: (keys: readonly string[]) => void;
  setMode: (mode: string) => void;
  height: number;
}

export function Graph({ layout, live, need, critical, waits, selected, select, isGrouped, hasGroups, hasNodes, opened, open, setMode, height }: Props) {
  const { nodes } = live;
  const { ref, width } = useElementSize<HTMLDivElement>();
  const dark = useIsDark();
  const drawing = useMemo(() => drawn(layout), [layout]);
  const [view, setView] = useState<View>();
  const fit = useCallback(() => setView(fitted(drawing, width, height)), [drawing, width, height]);
  // A group that opens must not move what is in view: only another graph, another mode or another size fits anew.
  const fittedFor = useRef("");
  const before = useRef(drawing);
  const clicked = useRef(0);
  const seenStates = useRef<readonly State[]>([]);
  const shownNode = useRef(selected);
  shownNode.current = selected;
  useEffect(() => {
    const old = before.current;
    before.current = drawing;
    const key = `${layout.plan} ${isGrouped} ${width} ${height}`;
    if (!width) return;
    if (fittedFor.current !== key) {
      fittedFor.current = key;
      const isFew = drawing.boxes.length <= FEW_BOXES_MAX;
      const least = isFew ? READABLE_SCALE_MIN : drawing.height > TALL * drawing.width ? FIRST_SCALE_MIN : undefined;
      const now = seenStates.current;
      const chosen = drawing.boxes.findIndex((box) => box.key === shownNode.current);
      const first = [chosen, ...ATTENTION.map((state) => now.indexOf(state))].find((box) => box >= 0);
      setView(fitted(drawing, width, height, least, drawing.boxes[isFew ? (first ?? -1) : chosen]));
    } else if (old !== drawing) setView((now) => now && steadied(now, old, drawing, clicked.current));
  }, [drawing, layout.plan, isGrouped, width, height]);

  const shown = useMemo(() => (view ? seen(drawing, view, width, height) : { boxes: [], lines: [] }), [drawing, view, width, height]);
  const isNear = view !== undefined && shown.boxes.length <= NEAR_BOXES_MAX && view.scale >= NEAR_SCALE_MIN;
  const { version } = live;
  const countsOf = useMemo(() => countsByBox(drawing, nodes), [drawing, nodes, version]);
  const states = useMemo(() => drawing.boxes.map((box, index) => (!isGroup(box, nodes) ? nodes.state(box.first) : stateOf(countsOf(index), totalOf(countsOf(index))))), [drawing, nodes, countsOf]);
  seenStates.current = states;
  const criticalBoxes = useMemo(() => new Set(critical.map((node) => boxOfNode(drawing, nodes, node))), [critical, drawing, nodes]);
  const criticalLines = useMemo(() => {
    const pairs = new Set(critical.slice(1).map((node, at) => `${boxOfNode(drawing, nodes, critical[at])} ${boxOfNode(drawing, nodes, node)}`));
    return new Set(pairs.size ? drawing.lines.flatMap((line, index) => (pairs.has(`${line.from} ${line.to}`) ? [index] : [])) : []);
  }, [critical, drawing, nodes]);
  const waitOf = useMemo(() => new Map(waits.map((wait) => [wait.index, waitWords(wait)])), [waits]);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!isNear && view && canvas.current) paint(canvas.current, { drawing, view, shown, states, width, height, dark, selected, critical: criticalLines });
  }, [isNear, view, drawing, shown, states, width, height, dark, selected, criticalLines]);
  useEffect(() => {
    if (isNear) need(shown.boxes.map((index) => drawing.boxes[index]).filter((box) => !isGroup(box, nodes)).map((box) => box.first));
  }, [isNear, shown, drawing, need]);

  const activate = useCallback((box: Box) => {
    if (box.size === 1) return select(box.key);
    clicked.current = box.first;
    open([...opened, box.key]);
  }, [select, open, opened]);

  const drag = useRef<{ x: number; y: number; view: View; isMoved: boolean }>(undefined);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    // React listens passively, and a page must not scroll while its graph is zoomed.
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaY) < 1) return;
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      setView((old) => old && zoomed(old, Math.exp(-event.deltaY * 0.0015), event.clientX - left, event.clientY - top));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, []);

  const down = (event: PointerEvent) => {
    if (view && event.button === 0 && !(event.target as Element).closest(".controls")) drag.current = { x: event.clientX, y: event.clientY, view, isMoved: false };
  };
  const move = (event: PointerEvent) => {
    const from = drag.current;
    if (!from) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.isMoved && Math.hypot(dx, dy) < DRAG_PX) return;
    if (!from.isMoved) root.current?.setPointerCapture(event.pointerId);
    from.isMoved = true;
    setView({ ...from.view, x: from.view.x + dx, y: from.view.y + dy });
  };
  const up = (event: PointerEvent) => {
    const from = drag.current;
    drag.current = undefined;
    if (!from || from.isMoved || isNear || !view || !root.current) return;
    const { left, top } = root.current.getBoundingClientRect();
    const x = (event.clientX - left - view.x) / view.scale;
    const y = (event.clientY - top - view.y) / view.scale;
    const box = drawing.boxes.find((one) => x >= one.x && x <= one.x + BOX_WIDTH && y >= one.y && y <= one.y + BOX_HEIGHT);
    if (box) activate(box);
  };

  const step = (event: KeyboardEvent<SVGGElement>, index: number) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      activate(drawing.boxes[index]);
      return;
    }
    const next = neighbour(index, event.key);
    if (next === undefined) return;
    event.preventDefault();
    const element = root.current?.querySelector<SVGGElement>(`[data-box="${next}"]`);
    if (element) element.focus();
  };
  const neighbour = (index: number, key: string): number | undefined => {
    if (key === "ArrowRight") return drawing.lines.find((line) => line.from === index)?.to;
    if (key === "ArrowLeft") return drawing.lines.find((line) => line.to === index)?.from;
    const box = drawing.boxes[index];
    const column = drawing.boxes.map((one, at) => ({ one, at })).filter(({ one }) => one.x === box.x).sort((a, b) => a.one.y - b.one.y);
    const at = column.findIndex((one) => one.at === index);
    if (key === "ArrowDown") return column[at + 1]?.at;
    if (key === "ArrowUp") return column[at - 1]?.at;
    return undefined;
  };

  const zoom = (factor: number) => setView((old) => old && zoomed(old, factor, width / 2, height / 2));
  return (
    <div ref={ref} className="panel" style={{ position: "relative" }}>
      <div ref={root} className="graph" style={{ height, borderRadius: 10, cursor: drag.current?.isMoved ? "grabbing" : "grab" }} onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={() => (drag.current = undefined)}>
        {view && isNear && (
          <svg width={width} height={height} role="group" aria-label={`Graph of ${layout.nodes} nodes`}>
            <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
              {shown.lines.map((index) => {
                const line = drawing.lines[index];
                const flows = states[line.from] === "succeeded" && states[line.to] === "running";
                const touches = selected !== undefined && (drawing.boxes[line.from].key === selected || drawing.boxes[line.to].key === selected);
                const isCritical = criticalLines.has(index);
                return <path key={index} d={pathText(pointsOf(drawing, line))} fill="none" stroke={touches ? "#2577d2" : isCritical ? CRITICAL[dark ? 1 : 0] : flows ? LOOKS.running.ink[dark ? 1 : 0] : dark ? "#4c545d" : "#b9c1ca"} strokeWidth={touches || isCritical ? 2.2 : 1.4} strokeDasharray={flows ? "5 2" : undefined} className={flows ? "flowing" : undefined} />;
              })}
              {shown.boxes.map((index) => <NearBox key={drawing.boxes[index].key} box={drawing.boxes[index]} index={index} state={states[index]} isMany={isGroup(drawing.boxes[index], nodes)} counts={countsOf(index)} detail={waitOf.get(drawing.boxes[index].first) ?? detailOf(drawing, drawing.boxes[index], nodes, countsOf(index))} node={nodes.details.get(drawing.boxes[index].first)} dark={dark} isCritical={criticalBoxes.has(index)} isSelected={drawing.boxes[index].key === selected} activate={activate} step={step} />)}
            </g>
          </svg>
        )}
        {view && !isNear && <canvas ref={canvas} style={{ width, height, display: "block" }} role="img" aria-label={`Graph of ${layout.nodes} nodes; the tab Nodes lists them`} />}
        <Group className="controls" gap={4} style={{ position: "absolute", right: 10, bottom: 10 }}>
          <Tooltip label="Zoom in"><ActionIcon variant="default" aria-label="Zoom in" onClick={() => zoom(1.35)}><Plus size={15} /></ActionIcon></Tooltip>
          <Tooltip label="Zoom out"><ActionIcon variant="default" aria-label="Zoom out" onClick={() => zoom(1 / 1.35)}><Minus size={15} /></ActionIcon></Tooltip>
          <Tooltip label="Show all"><ActionIcon variant="default" aria-label="Show the whole graph" onClick={fit}><Maximize size={15} /></ActionIcon></Tooltip>
        </Group>
        <Group className="controls" gap="xs" style={{ position: "absolute", left: 10, top: 10 }}>
          {hasGroups && hasNodes && <SegmentedControl size="xs" aria-label="Boxes" value={isGrouped ? "grouped" : "nodes"} onChange={setMode} data={[{ label: "Grouped", value: "grouped" }, { label: "All nodes", value: "nodes" }]} />}
          {opened.length > 0 && isGrouped && <Button size="xs" variant="default" onClick={() => open([])}>Close groups</Button>}
          {criticalBoxes.size > 0 && <span className="legend"><i style={{ background: CRITICAL[dark ? 1 : 0] }} />Critical path</span>}
        </Group>
      </div>
    </div>
  );
}

/** "3 succeeded, 1 failed". */
const countsText = (counts: NodeCounts): string => (Object.entries(counts) as [State, number][]).filter(([state, number]) => number && state !== "mapped").map(([state, number]) => `${number} ${LOOKS[state].word.toLowerCase()}`).join(", ");

interface NearProps {
  box: Box;
  index: number;
  state: State;
  isMany: boolean;
  counts: NodeCounts;
  detail: string;
  node: Node | undefined;
  dark: boolean;
  isCritical: boolean;
  isSelected: boolean;
  activate: (box: Box) => void;
  step: (event: KeyboardEvent<SVGGElement>, index: number) => void;
}

function NearBox({ box, index, state, isMany, counts, detail: words, node, dark, isCritical, isSelected, activate, step }: NearProps) {
  const look = LOOKS[state];
  const shade = dark ? 1 : 0;
  const total = isMany ? totalOf(counts) : 1;
  const done = total ? (counts.succeeded + counts.not_taken) / total : 0;
  const side = box.key.startsWith("loop ") ? "" : isMany ? (total ? `${count(counts.succeeded)} of ${count(total)}` : "") : node?.duration_s !== null && node?.duration_s !== undefined ? duration(node.duration_s) : node && node.attempts > 1 ? `try ${node.attempts}` : "";
  const label = box.label.length > 20 ? `${box.label.slice(0, 19)}…` : box.label;
  const room = DETAIL_CHARS - side.length;
  const detail = words === box.label ? "" : words.length > room ? `${words.slice(0, room - 1)}…` : words;
  const isAside = state === "not_taken";
  return (
    <g
      className="box" data-box={index} transform={`translate(${box.x} ${box.y})`} role="button" tabIndex={0}
      aria-expanded={box.size > 1 ? false : undefined} aria-pressed={box.size > 1 ? undefined : isSelected}
      onClick={() => activate(box)} onKeyDown={(event) => step(event, index)} opacity={isAside ? 0.6 : undefined}
    >
      {isMany && <rect x={4} y={4} width={BOX_WIDTH} height={BOX_HEIGHT} rx={8} fill={look.fill[shade]} stroke={look.ink[shade]} strokeOpacity={0.35} />}
      <rect className="frame" width={BOX_WIDTH} height={BOX_HEIGHT} rx={8} fill={look.fill[shade]} stroke={isSelected ? "#2577d2" : isCritical ? CRITICAL[shade] : look.ink[shade]} strokeWidth={isSelected ? 3 : isCritical ? 2.2 : 1.2} strokeOpacity={isSelected || isCritical ? 1 : state === "waiting" ? 0.45 : 0.8} strokeDasharray={isAside ? "4 3" : undefined} />
      <rect width={5} height={BOX_HEIGHT - 16} x={0} y={8} rx={2} fill={look.ink[shade]} />
      {isMany && total > 0 && <rect x={10} y={BOX_HEIGHT - 5} height={2.5} rx={1.2} width={(BOX_WIDTH - 20) * done} fill={LOOKS.succeeded.ink[shade]} />}
      {isMany && counts.failed > 0 && <rect x={10 + (BOX_WIDTH - 20) * done} y={BOX_HEIGHT - 5} height={2.5} rx={1.2} width={Math.max(3, ((BOX_WIDTH - 20) * counts.failed) / total)} fill={LOOKS.failed.ink[shade]} />}
      <title>{`${box.label}${isMany && box.size === 1 ? `, ${counted(total, "item")}${total ? `: ${countsText(counts)}` : ""}` : isMany ? `, ${total} nodes` : ""}, ${look.word}${!isMany && words !== box.label && box.kind !== "task" ? `, ${words}` : ""}${isCritical ? ", on the critical path" : ""}`}</title>
      <text x={14} y={18} fontSize={13} fontWeight={600} fill={dark ? "#eceff2" : "#16191d"}>{label}</text>
      <text x={14} y={33} fontSize={11} fill={dark ? "#b4bcc5" : "#4f5964"}>{detail || look.word}</text>
      <text x={BOX_WIDTH - 10} y={33} fontSize={11} textAnchor="end" fill={look.ink[shade]}>{side}</text>
    </g>
  );
}
