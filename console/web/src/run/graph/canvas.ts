// The far view: every box is a rectangle of its state's colour, all lines are one path. One redraw a frame.
import { CRITICAL, LOOKS, type State } from "../../ui/theme";
import { BOX_HEIGHT, BOX_WIDTH, pointsOf, type Drawing, type Seen, type View } from "./plan";

interface Scene {
  drawing: Drawing;
  view: View;
  shown: Seen;
  states: readonly State[];
  width: number;
  height: number;
  dark: boolean;
  selected: string | undefined;
  /** Lines of the critical path. */
  critical: ReadonlySet<number>;
}

const LABEL_SCALE_MIN = 0.3;
const LINES_MAX = 40_000;

export function paint(canvas: HTMLCanvasElement, { drawing, view, shown, states, width, height, dark, selected, critical }: Scene): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  const shade = dark ? 1 : 0;

  const stroke = (lines: readonly number[]) => {
    context.beginPath();
    for (const index of lines) {
      const points = pointsOf(drawing, drawing.lines[index]);
      context.moveTo(points[0][0], points[0][1]);
      for (let at = 1; at < points.length; at += 1) {
        const middle = (points[at - 1][0] + points[at][0]) / 2;
        context.bezierCurveTo(middle, points[at - 1][1], middle, points[at][1], points[at][0], points[at][1]);
      }
    }
    context.stroke();
  };
  context.strokeStyle = dark ? "#4c545d" : "#b9c1ca";
  context.lineWidth = Math.max(1, 0.6 / view.scale);
  context.globalAlpha = shown.lines.length > 4_000 ? 0.35 : 0.8;
  stroke(shown.lines.slice(0, LINES_MAX));
  context.globalAlpha = 1;
  context.strokeStyle = CRITICAL[dark ? 1 : 0];
  context.lineWidth = Math.max(2, 1.6 / view.scale);
  stroke(shown.lines.filter((index) => critical.has(index)));
  context.globalAlpha = 1;

  const byState = new Map<State, number[]>();
  for (const index of shown.boxes) {
    const same = byState.get(states[index]);
    if (same) same.push(index);
    else byState.set(states[index], [index]);
  }
  for (const [state, indexes] of byState) {
    context.fillStyle = LOOKS[state].ink[shade];
    context.globalAlpha = state === "waiting" ? 0.45 : 0.9;
    for (const index of indexes) {
      const box = drawing.boxes[index];
      context.fillRect(box.x, box.y, BOX_WIDTH, BOX_HEIGHT);
    }
  }
  context.globalAlpha = 1;
  if (selected) {
    const box = drawing.boxes.find((one) => one.key === selected);
    if (box) {
      context.strokeStyle = "#2577d2";
      context.lineWidth = 4 / view.scale;
      context.strokeRect(box.x, box.y, BOX_WIDTH, BOX_HEIGHT);
    }
  }
  if (view.scale >= LABEL_SCALE_MIN) {
    context.fillStyle = dark ? "#0d0f11" : "#fff";
    context.font = "600 16px system-ui, sans-serif";
    for (const index of shown.boxes.slice(0, 1_500)) context.fillText(drawing.boxes[index].label.slice(0, 20), drawing.boxes[index].x + 8, drawing.boxes[index].y + 27, BOX_WIDTH - 16);
  }
}
