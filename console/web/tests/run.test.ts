import { expect, test } from "vitest";
import type { Node, RunGraph } from "../src/api/types";
import { pieces, plain } from "../src/run/ansi";
import { drawGroups, drawNodes, fitted, seen, zoomed, BOX_HEIGHT } from "../src/run/graph/plan";
import { safeLink } from "../src/run/Markdown";
import { apply, countsOf } from "../src/run/store";
import { ticks } from "../src/run/Timeline";

const node = (name: string, index: number): Node => ({ name, index, operator: "m:f", kind: "task", call: "", state: "waiting", uses: [], attempts: 0, worker: "", started_at: null, ended_at: null, duration_s: null, skipped_because: null, because_of: null });
const AT = "2026-11-26T12:00:01.000Z";

test("changes of a run, in order, and again after a reconnection", () => {
  const nodes = [node("a", 0), node("b", 1), node("c", 2)];
  const indexes = new Map(nodes.map((one, index) => [one.name, index]));
  const changes = [
    { seq: 1, at: AT, kind: "submitted" },
    { seq: 2, at: AT, kind: "started", nodes: ["a"], attempt: 1, worker: "w" },
    { seq: 3, at: AT, kind: "retrying", nodes: ["a"], attempt: 1, retry_delay_s: 1 },
    { seq: 4, at: AT, kind: "started", nodes: ["a"], attempt: 2, worker: "v" },
    { seq: 5, at: "2026-11-26T12:00:03.000Z", kind: "failed", nodes: ["a"], attempt: 2, duration_s: 2 },
    { seq: 6, at: AT, kind: "succeeded", nodes: ["b"], attempt: 1, duration_s: 1 },
    { seq: 7, at: AT, kind: "skipped", nodes: ["c"], cause: "upstream failed" },
    { seq: 8, at: AT, kind: "of a later version", nodes: ["c", "nobody"] },
  ];
  for (let round = 0; round < 2; round += 1) {
    for (const change of changes) apply(nodes, indexes, change);
    expect(nodes.map((one) => [one.state, one.attempts, one.worker])).toEqual([["failed", 2, "v"], ["succeeded", 1, ""], ["skipped", 0, ""]]);
    expect(countsOf(nodes)).toMatchObject({ failed: 1, succeeded: 1, skipped: 1, waiting: 0 });
  }
  expect(nodes[0].started_at).toBe(AT);
  expect(nodes[1].started_at).toBe("2026-11-26T12:00:00.000Z"); // it was quick: only its end was recorded
});

test("colours of terminals", () => {
  expect(pieces("a \u001b[1;32mok\u001b[0m b")).toEqual([{ text: "a " }, { text: "ok", bold: true, colour: 2 }, { text: " b" }]);
  expect(plain("\u001b]0;title\u0007x\u001b[2K\u001b[38;5;200my\r\u0000")).toBe("xy");
  expect(plain("<b>\u001b")).toBe("<b>");
});

test.each([["https://a.example/x", true], ["/v1/runs", true], ["javascript:alert(1)", false], [" JaVaScRiPt:alert(1)", false], ["data:text/html,x", false]])("a link to %s may be followed: %s", (address, isSafe) => {
  expect(safeLink(address) !== undefined).toBe(isSafe);
});

function fan(width: number): RunGraph {
  const middle = Array.from({ length: width }, (_, index) => ({ name: `f-${index}`, operator: "m:f", place: [1, index * 1.5 + 0.5] }));
  const nodes = [{ name: "load", operator: "m:load", place: [0, 0.5] }, ...middle, { name: "join", operator: "m:join", place: [2, 0.5] }];
  const edges = middle.flatMap((_, index) => [{ from: 0, to: index + 1, through: [] }, { from: index + 1, to: width + 1, through: [] }]);
  return { plan: "", run: "r", seq: 1, nodes, edges, states: nodes.map(() => "waiting" as const) };
}

test("nodes of one operator in one column are one box, until it is expanded", () => {
  const graph = fan(900);
  const grouped = drawGroups(graph, new Set());
  expect(grouped.boxes.map((box) => [box.label, box.nodes.length])).toEqual([["load", 1], ["f", 900], ["join", 1]]);
  expect(grouped.lines).toHaveLength(2);
  const opened = drawGroups(graph, new Set([grouped.boxes[1].key]));
  expect(opened.boxes).toHaveLength(902);
  expect(new Set(opened.boxOf).size).toBe(902);
});

test("only what is in view is drawn, and zooming keeps the point under the pointer", () => {
  const drawing = drawNodes(fan(900));
  const all = fitted(drawing, 800, 600);
  expect(seen(drawing, all, 800, 600).boxes).toHaveLength(902);
  const near = zoomed(all, 1 / all.scale, 400, 300);
  expect(near.scale).toBeCloseTo(1);
  expect((400 - near.x) / near.scale).toBeCloseTo((400 - all.x) / all.scale);
  const count = seen(drawing, near, 800, 600).boxes.length;
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThan((3 * 600) / BOX_HEIGHT);
});

test("an axis has few round steps", () => {
  expect(ticks(10)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticks(0.7).length).toBeLessThanOrEqual(6);
});
