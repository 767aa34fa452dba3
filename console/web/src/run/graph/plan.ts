// From the server's layout to boxes and lines on a plane. Pure: the drawing is elsewhere.
import type { Layout } from "../../api/types";
import { counted, functionName } from "../../ui/format";
import { countsOf, STATES, totalOf, type NodeCounts, type RunNodes } from "../store";

export const BOX_WIDTH = 184;
export const BOX_HEIGHT = 42;
const COLUMN = 240;

export interface Box {
  /** Of a node: its name; a group is opened by it. */
  key: string;
  label: string;
  detail: string;
  kind: string;
  /** How many nodes of the plan it stands for, and the index of the first of them. */
  size: number;
  first: number;
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
  /** The box of each node of the plan, by the node's index. */
  boxOf: Int32Array;
  branches: ReadonlyMap<number, Layout["branches"][number]>;
  /** By the key of the box that stands for their rounds. */
  loops: ReadonlyMap<string, readonly number[]>;
}

const left = (column: number): number => column * COLUMN;
const top = (place: number): number => place * BOX_HEIGHT - BOX_HEIGHT / 2;

/** Boxes where the server has put them. */
export function drawn(layout: Layout): Drawing {
  const boxOf = new Int32Array(layout.nodes);
  const boxes = layout.boxes.map(({ key, label, operator, kind, nodes, steps, place }, index): Box => {
    let size = 0;
    for (const [first, step, count] of nodes) {
      size += count;
      for (let at = 0; at < count; at += 1) boxOf[first + at * step] = index;
    }
    const detail = size > 1 ? (steps > 1 ? `${steps} in turn` : `× ${size}`) : functionName(operator);
    return { key, label, detail, kind, size, first: nodes[0][0], x: left(place[0]), y: top(place[1]) };
  });
  const lines = layout.edges.map((edge): Line => ({ from: edge.from, to: edge.to, through: edge.through.map(([column, y]) => [left(column) + BOX_WIDTH / 2, y * BOX_HEIGHT] as const) }));
  return {
    boxes,
    lines,
    boxOf,
    branches: new Map(layout.branches.map((one) => [one.node, one])),
    loops: new Map(layout.loops.map((one) => [one.key, one.branches])),
    width: boxes.reduce((most, box) => Math.max(most, box.x), 0) + BOX_WIDTH,
    height: boxes.reduce((most, box) => Math.max(most, box.y), 0) + BOX_HEIGHT,
  };
}

/** The box that a node is shown in. */
export const boxOfNode = (drawing: Drawing, nodes: RunNodes, node: number): number => drawing.boxOf[nodes.templateOf(node)];

/** Whether a box stands for several nodes of the run: a group, or a node that is executed for each item of a map. */
export const isGroup = (box: Box, nodes: RunNodes): boolean => box.size > 1 || nodes.isMapped(box.first);

/** How many nodes of each box are in each state. What is executed for each item counts as often, and not itself. */
export function countsByBox(drawing: Drawing, nodes: RunNodes): (box: number) => NodeCounts {
  const width = STATES.length;
  const totals = new Int32Array(drawing.boxes.length * width);
  const { states } = nodes;
  const planned = Math.min(drawing.boxOf.length, states.length);
  for (let index = 0; index < planned; index += 1) totals[drawing.boxOf[index] * width + states[index]] += 1;
  for (const [template, from, to] of nodes.executions()) {
    const box = drawing.boxOf[template] * width;
    for (let index = from; index < to; index += 1) totals[box + states[index]] += 1;
  }
  return (box) => countsOf(totals.subarray(box * width, (box + 1) * width));
}

/** What a branch has decided: the words of the side; undefined: nothing yet, or it cannot be told. */
export function sideTaken(branch: Layout["branches"][number], nodes: RunNodes): string | undefined {
  if (nodes.state(branch.node) !== "succeeded") return undefined;
  const left = new Set(branch.sides.keys());
  for (const [node, side] of branch.nodes) if (nodes.state(node) === "not_taken") left.delete(side);
  const taken = branch.nodes.find(([, side]) => left.has(side))?.[1];
  const found = taken ?? (left.size === 1 ? [...left][0] : undefined);
  return found === undefined ? undefined : branch.sides[found];
}

/** The round that a loop is in or ended with, counted from 1. */
export function roundOf(branches: readonly Layout["branches"][number][], nodes: RunNodes): number {
  const last = branches.findIndex((branch) => nodes.state(branch.node) !== "succeeded" || branch.nodes.some(([node]) => nodes.state(node) === "not_taken"));
  return last < 0 ? branches.length + 1 : last + 1;
}

/** A few words below the name of a box, about how the run goes on there. */
export function detailOf(drawing: Drawing, box: Box, nodes: RunNodes, counts: NodeCounts): string {
  const rounds = drawing.loops.get(box.key);
  if (rounds) {
    const round = roundOf(rounds.map((branch) => drawing.branches.get(branch)!), nodes);
    return `round ${round} of ${rounds.length + 1}`;
  }
  if (box.size > 1) return box.detail;
  if (nodes.isMapped(box.first)) {
    const total = totalOf(counts);
    return total ? counted(total, "item") : "for each item";
  }
  switch (box.kind) {
    case "map": {
      const items = nodes.itemsOf(box.first);
      return items ? counted(items, "item") : "opens a list";
    }
    case "gather":
      return "list of the results";
    case "branch": {
      const side = sideTaken(drawing.branches.get(box.first)!, nodes);
      return side === undefined ? "takes one side" : `takes ${side}`;
    }
    default:
      return box.detail;
  }
}

/** The view in which a node's box is where it was in another drawing: what somebody looks at must not jump. */
export function steadied(view: View, before: Drawing, after: Drawing, node: number): View {
  const [old, now] = [before.boxes[before.boxOf[node]], after.boxes[after.boxOf[node]]];
  if (!old || !now) return view;
  return { ...view, x: view.x + (old.x - now.x) * view.scale, y: view.y + (old.y - now.y) * view.scale };
}

export interface View {
  x: number;
  y: number;
  scale: number;
}

export const SCALE_MIN = 0.0005;
export const SCALE_MAX = 2;

/** The view that shows all of a drawing, no smaller than `least`; what does not fit then is around a box, or the middle. */
export function fitted(drawing: Drawing, width: number, height: number, least = SCALE_MIN, around?: Box, margin = 28): View {
  const scale = Math.max(least, Math.min(1.1, (width - 2 * margin) / Math.max(drawing.width, 1), (height - 2 * margin) / Math.max(drawing.height, 1)));
  const place = (size: number, room: number, at: number | undefined): number => {
    const spare = room - size * scale;
    if (spare >= 0 || at === undefined) return spare / 2;
    return Math.max(spare - margin, Math.min(margin, room / 2 - at * scale));
  };
  return { scale, x: place(drawing.width, width, around && around.x + BOX_WIDTH / 2), y: place(drawing.height, height, around && around.y + BOX_HEIGHT / 2) };
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
