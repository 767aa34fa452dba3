// The graph of a run: SVG with names and a button a box while few boxes are in view, else one canvas.
import { ActionIcon, Group, SegmentedControl, Text, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { Maximize, Minus, Plus } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { Node, RunGraph } from "../../api/types";
import { duration } from "../../ui/format";
import { useIsDark } from "../../ui/states";
import { LOOKS, type State } from "../../ui/theme";
import { countsOf } from "../store";
import { paint } from "./canvas";
import { BOX_HEIGHT, BOX_WIDTH, drawGroups, drawNodes, fitted, pathText, pointsOf, seen, zoomed, type Box, type View } from "./plan";

const NEAR_BOXES_MAX = 400;
const NEAR_SCALE_MIN = 0.35;
const GROUPED_FROM = 60;
const DRAG_PX = 4;
// A graph of one long column would be a line if all of it were shown at first.
const FIRST_SCALE_MIN = 0.36;
const TALL = 4;

/** The state that a box shows: of a group, what needs attention first. */
export function stateOf(box: Box, nodes: readonly Node[]): State {
  if (box.nodes.length === 1) return nodes[box.nodes[0]]?.state ?? "waiting";
  const counts = countsOf(box.nodes.map((index) => nodes[index]));
  const first = (["failed", "running", "cancelled"] as State[]).find((state) => counts[state]);
  if (first) return first;
  if (counts.succeeded === box.nodes.length) return "succeeded";
  if (counts.succeeded) return "running";
  return counts.skipped ? "skipped" : "waiting";
}

interface Props {
  graph: RunGraph;
  nodes: readonly Node[];
  selected: string | undefined;
  select: (node: string | undefined) => void;
  mode: string | undefined;
  setMode: (mode: string) => void;
  height: number;
}

export function Graph({ graph, nodes, selected, select, mode, setMode, height }: Props) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const dark = useIsDark();
  const isGrouped = mode ? mode === "grouped" : graph.nodes.length > GROUPED_FROM;
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const drawing = useMemo(() => (isGrouped ? drawGroups(graph, expanded) : drawNodes(graph)), [graph, isGrouped, expanded]);
  const [view, setView] = useState<View>();
  const fit = useCallback(() => setView(fitted(drawing, width, height)), [drawing, width, height]);
  // A group that opens must not move what is in view: only another graph, another mode or another size fits anew.
  const fittedFor = useRef("");
  useEffect(() => {
    const key = `${graph.run} ${isGrouped} ${width} ${height}`;
    if (!width || fittedFor.current === key) return;
    fittedFor.current = key;
    setView(fitted(drawing, width, height, drawing.height > TALL * drawing.width ? FIRST_SCALE_MIN : undefined));
  }, [drawing, graph.run, isGrouped, width, height]);

  const shown = useMemo(() => (view ? seen(drawing, view, width, height) : { boxes: [], lines: [] }), [drawing, view, width, height]);
  const isNear = view !== undefined && shown.boxes.length <= NEAR_BOXES_MAX && view.scale >= NEAR_SCALE_MIN;
  const states = useMemo(() => drawing.boxes.map((box) => stateOf(box, nodes)), [drawing, nodes]);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!isNear && view && canvas.current) paint(canvas.current, { drawing, view, shown, states, width, height, dark, selected });
  }, [isNear, view, drawing, shown, states, width, height, dark, selected]);

  const activate = useCallback((box: Box) => {
    if (box.nodes.length === 1) select(graph.nodes[box.nodes[0]].name);
    else setExpanded((old) => new Set([...old, box.key]));
  }, [graph, select]);

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
          <svg width={width} height={height} role="group" aria-label={`Graph of ${graph.nodes.length} nodes`}>
            <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
              {shown.lines.map((index) => {
                const line = drawing.lines[index];
                const flows = states[line.from] === "succeeded" && states[line.to] === "running";
                const touches = selected !== undefined && (drawing.boxes[line.from].key === selected || drawing.boxes[line.to].key === selected);
                return <path key={index} d={pathText(pointsOf(drawing, line))} fill="none" stroke={touches ? "#2577d2" : flows ? LOOKS.running.ink[dark ? 1 : 0] : dark ? "#4c545d" : "#b9c1ca"} strokeWidth={touches ? 2 : 1.4} strokeDasharray={flows ? "5 2" : undefined} className={flows ? "flowing" : undefined} />;
              })}
              {shown.boxes.map((index) => <NearBox key={drawing.boxes[index].key} box={drawing.boxes[index]} index={index} state={states[index]} nodes={nodes} dark={dark} isSelected={drawing.boxes[index].key === selected} activate={activate} step={step} />)}
            </g>
          </svg>
        )}
        {view && !isNear && <canvas ref={canvas} style={{ width, height, display: "block" }} role="img" aria-label={`Graph of ${graph.nodes.length} nodes; the tab Nodes lists them`} />}
        <Group className="controls" gap={4} style={{ position: "absolute", right: 10, bottom: 10 }}>
          <Tooltip label="Zoom in"><ActionIcon variant="default" aria-label="Zoom in" onClick={() => zoom(1.35)}><Plus size={15} /></ActionIcon></Tooltip>
          <Tooltip label="Zoom out"><ActionIcon variant="default" aria-label="Zoom out" onClick={() => zoom(1 / 1.35)}><Minus size={15} /></ActionIcon></Tooltip>
          <Tooltip label="Show all"><ActionIcon variant="default" aria-label="Show the whole graph" onClick={fit}><Maximize size={15} /></ActionIcon></Tooltip>
        </Group>
        <Group className="controls" gap="xs" style={{ position: "absolute", left: 10, top: 10 }}>
          <SegmentedControl size="xs" aria-label="Boxes" value={isGrouped ? "grouped" : "nodes"} onChange={(value) => { setExpanded(new Set()); setMode(value); }} data={[{ label: "By operator", value: "grouped" }, { label: "All nodes", value: "nodes" }]} />
          {expanded.size > 0 && isGrouped && <ActionIcon variant="default" w="auto" px={8} onClick={() => setExpanded(new Set())}><Text size="xs">Close groups</Text></ActionIcon>}
        </Group>
      </div>
    </div>
  );
}

interface NearProps {
  box: Box;
  index: number;
  state: State;
  nodes: readonly Node[];
  dark: boolean;
  isSelected: boolean;
  activate: (box: Box) => void;
  step: (event: KeyboardEvent<SVGGElement>, index: number) => void;
}

function NearBox({ box, index, state, nodes, dark, isSelected, activate, step }: NearProps) {
  const look = LOOKS[state];
  const shade = dark ? 1 : 0;
  const isGroup = box.nodes.length > 1;
  const counts = isGroup ? countsOf(box.nodes.map((node) => nodes[node])) : undefined;
  const done = counts ? counts.succeeded / box.nodes.length : 0;
  const node = isGroup ? undefined : nodes[box.nodes[0]];
  const side = counts ? `${counts.succeeded} of ${box.nodes.length}` : node?.duration_s !== null && node?.duration_s !== undefined ? duration(node.duration_s) : node && node.attempts > 1 ? `try ${node.attempts}` : "";
  const label = box.label.length > 22 ? `${box.label.slice(0, 21)}…` : box.label;
  const detail = box.detail === box.label ? "" : box.detail.length > 18 ? `${box.detail.slice(0, 17)}…` : box.detail;
  return (
    <g
      className="box" data-box={index} transform={`translate(${box.x} ${box.y})`} role="button" tabIndex={0}
      aria-expanded={isGroup ? false : undefined} aria-pressed={isGroup ? undefined : isSelected}
      onClick={() => activate(box)} onKeyDown={(event) => step(event, index)}
    >
      {isGroup && <rect x={4} y={4} width={BOX_WIDTH} height={BOX_HEIGHT} rx={8} fill={look.fill[shade]} stroke={look.ink[shade]} strokeOpacity={0.35} />}
      <rect className="frame" width={BOX_WIDTH} height={BOX_HEIGHT} rx={8} fill={look.fill[shade]} stroke={isSelected ? "#2577d2" : look.ink[shade]} strokeWidth={isSelected ? 3 : 1.2} strokeOpacity={isSelected ? 1 : state === "waiting" ? 0.45 : 0.8} />
      <rect width={5} height={BOX_HEIGHT - 16} x={0} y={8} rx={2} fill={look.ink[shade]} />
      {counts && <rect x={10} y={BOX_HEIGHT - 6} height={3} rx={1.5} width={(BOX_WIDTH - 20) * done} fill={LOOKS.succeeded.ink[shade]} />}
      <title>{`${box.label}${isGroup ? `, ${box.nodes.length} nodes` : ""}, ${look.word}`}</title>
      <text x={14} y={18} fontSize={13} fontWeight={600} fill={dark ? "#eceff2" : "#16191d"}>{label}</text>
      <text x={14} y={33} fontSize={11} fill={dark ? "#b4bcc5" : "#4f5964"}>{detail || look.word}</text>
      <text x={BOX_WIDTH - 10} y={33} fontSize={11} textAnchor="end" fill={look.ink[shade]}>{side}</text>
    </g>
  );
}
