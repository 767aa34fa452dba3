// From the server's layout to boxes and lines on a plane. Pure: the drawing is elsewhere.
import type { RunGraph } from "../../api/types";
import { functionName } from "../../ui/format";

export const BOX_WIDTH = 184;
export const BOX_HEIGHT = 42;
const COLUMN = 252;
const GAP = 16;

export interface Box {
  /** Of a node: its name; of a group: its column and operator. */
  key: string;
  label: string;
  detail: string;
  nodes: readonly number[];
  x: number;
  y: number;
}

export interface Line {
  from: number;
  to: number;
  through: readonly (readonly [number, number])[];
}

export interface Drawing {
  boxes: Box[];
  lines: Line[];
  width: number;
  height: number;
  /** The box of each node, by the node's index. */
  boxOf: number[];
}

const left = (column: number): number => column * COLUMN;
const top = (place: number): number => place * BOX_HEIGHT - BOX_HEIGHT / 2;

function sized(boxes: Box[], lines: Line[], boxOf: number[]): Drawing {
  return {
    boxes,
    lines,
    boxOf,
    width: boxes.reduce((most, box) => Math.max(most, box.x), 0) + BOX_WIDTH,
    height: boxes.reduce((most, box) => Math.max(most, box.y), 0) + BOX_HEIGHT,
  };
}

/** A box a node, where the server has put it. */
export function drawNodes(graph: RunGraph): Drawing {
  const boxes = graph.nodes.map(({ name, operator, place }, index): Box => ({ key: name, label: name, detail: functionName(operator), nodes: [index], x: left(place[0]), y: top(place[1]) }));
  const lines = graph.edges.map((edge): Line => ({ from: edge.from, to: edge.to, through: edge.through.map(([column, y]) => [left(column) + BOX_WIDTH / 2, y * BOX_HEIGHT] as const) }));
  return sized(boxes, lines, boxes.map((_, index) => index));
}

/** A box for all nodes of one operator in one column, unless it is expanded. The order of the server stays. */
export function drawGroups(graph: RunGraph, expanded: ReadonlySet<string>): Drawing {
  const groups = new Map<string, number[]>();
  graph.nodes.forEach(({ operator, place, name }, index) => {
    const key = `${place[0]}:${operator || name}`;
    const same = groups.get(key);
    if (same) same.push(index);
    else groups.set(key, [index]);
  });
  const columns = new Map<number, { box: Box; middle: number }[]>();
  for (const [key, nodes] of groups) {
    const column = graph.nodes[nodes[0]].place[0];
    const parts = nodes.length === 1 || expanded.has(key) ? nodes.map((node) => [node]) : [nodes];
    for (const part of parts) {
      const first = graph.nodes[part[0]];
      const isGroup = part.length > 1;
      const box = { key: isGroup ? key : first.name, label: isGroup ? functionName(first.operator) || first.name : first.name, detail: isGroup ? `× ${part.length}` : functionName(first.operator), nodes: part, x: left(column), y: 0 };
      const middle = part.reduce((sum, node) => sum + graph.nodes[node].place[1], 0) / part.length;
      const same = columns.get(column);
      if (same) same.push({ box, middle });
      else columns.set(column, [{ box, middle }]);
    }
  }
  const heights = [...columns.values()].map((column) => column.length * (BOX_HEIGHT + GAP) - GAP);
  const height = Math.max(0, ...heights);
  const boxes: Box[] = [];
  for (const column of columns.values()) {
    column.sort((one, other) => one.middle - other.middle);
    let y = (height - (column.length * (BOX_HEIGHT + GAP) - GAP)) / 2;
    for (const { box } of column) {
      boxes.push({ ...box, y });
      y += BOX_HEIGHT + GAP;
    }
  }
  const boxOf: number[] = [];
  boxes.forEach((box, index) => box.nodes.forEach((node) => (boxOf[node] = index)));
  const seen = new Set<string>();
  const lines: Line[] = [];
  for (const edge of graph.edges) {
    const [from, to] = [boxOf[edge.from], boxOf[edge.to]];
    const key = `${from}>${to}`;
    if (from === to || seen.has(key)) continue;
    seen.add(key);
    lines.push({ from, to, through: [] });
  }
  return sized(boxes, lines, boxOf);
}

export interface View {
  x: number;
  y: number;
  scale: number;
}

export const SCALE_MIN = 0.0005;
export const SCALE_MAX = 2;

/** The view that shows all of a drawing, no smaller than `least`; then it shows the middle. */
export function fitted(drawing: Drawing, width: number, height: number, least = SCALE_MIN, margin = 28): View {
  const scale = Math.max(least, Math.min(1.1, (width - 2 * margin) / Math.max(drawing.width, 1), (height - 2 * margin) / Math.max(drawing.height, 1)));
  return { scale, x: (width - drawing.width * scale) / 2, y: (height - drawing.height * scale) / 2 };
}

/** Zoom so that the point under the pointer stays where it is. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const scale = Math.max(SCALE_MIN, Math.min(SCALE_MAX, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

export interface Seen {
  boxes: number[];
  lines: number[];
}

/** What a view shows of a drawing. */
export function seen(drawing: Drawing, view: View, width: number, height: number): Seen {
  const x1 = -view.x / view.scale;
  const y1 = -view.y / view.scale;
  const x2 = x1 + width / view.scale;
  const y2 = y1 + height / view.scale;
  const boxes: number[] = [];
  drawing.boxes.forEach((box, index) => {
    if (box.x < x2 && box.x + BOX_WIDTH > x1 && box.y < y2 && box.y + BOX_HEIGHT > y1) boxes.push(index);
  });
  const lines: number[] = [];
  drawing.lines.forEach((line, index) => {
    const from = drawing.boxes[line.from];
    const to = drawing.boxes[line.to];
    if (from.x < x2 && to.x + BOX_WIDTH > x1 && Math.min(from.y, to.y) < y2 && Math.max(from.y, to.y) + BOX_HEIGHT > y1) lines.push(index);
  });
  return { boxes, lines };
}

export type Points = readonly (readonly [number, number])[];

/** Where a line passes: it leaves a box on the right and enters the next one on the left. */
export function pointsOf(drawing: Drawing, line: Line): Points {
  const from = drawing.boxes[line.from];
  const to = drawing.boxes[line.to];
  return [[from.x + BOX_WIDTH, from.y + BOX_HEIGHT / 2], ...line.through, [to.x, to.y + BOX_HEIGHT / 2]];
}

/** A smooth line through points, as the text of an SVG path. */
export function pathText(points: Points): string {
  let text = `M${points[0][0]} ${points[0][1]}`;
  for (let index = 1; index < points.length; index += 1) {
    const [x1, y1] = points[index - 1];
    const [x2, y2] = points[index];
    const middle = (x1 + x2) / 2;
    text += `C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
  }
  return text;
}
