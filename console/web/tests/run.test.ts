import { expect, test } from "vitest";
import type { Layout, Node, States } from "../src/api/types";
import { pieces, plain } from "../src/run/ansi";
import { boxOfNode, countsByBox, detailOf, drawn, fitted, roundOf, seen, sideTaken, steadied, zoomed, BOX_HEIGHT } from "../src/run/graph/plan";
import { after, appended, before, justAfter, KEPT_MAX, prepended } from "../src/run/lines";
import { safeLink } from "../src/run/Markdown";
import { itemOf, RunNodes, stateOf, totalOf } from "../src/run/store";
import { compared, ticks } from "../src/run/Timeline";

const node = (name: string, index: number): Node => ({ name, index, operator: "m:f", kind: "task", call: "", state: "waiting", uses: [], uses_count: 0, attempts: 0, worker: "", started_at: null, ended_at: null, duration_s: null, skipped_because: null, because_of: null, reused_from: null });
const nodesOf = (states: string, maps: States["maps"] = [], growths: number[][] = []) => new RunNodes({ states, maps, growths });
const AT = "2026-11-26T12:00:01.000Z";
const CHANGES = [
  { seq: 1, at: AT, kind: "submitted" },
  { seq: 2, at: AT, kind: "started", indexes: [0], attempt: 1, worker: "w" },
  { seq: 3, at: AT, kind: "retrying", indexes: [0], attempt: 1, retry_delay_s: 1 },
  { seq: 4, at: AT, kind: "started", indexes: [0], attempt: 2, worker: "v" },
  { seq: 5, at: "2026-11-26T12:00:03.000Z", kind: "failed", indexes: [0], attempt: 2, duration_s: 2 },
  { seq: 6, at: AT, kind: "succeeded", indexes: [1], attempt: 1, duration_s: 1 },
  { seq: 7, at: AT, kind: "skipped", indexes: [2], cause: "upstream failed" },
  { seq: 8, at: AT, kind: "of a later version", indexes: [2, 77] },
];

test("changes of a run, in order, and again after a reconnection", async () => {
  const nodes = nodesOf("www");
  await nodes.learn(Promise.resolve({ seq: 1, nodes: [node("a", 0), node("b", 1), node("c", 2)] }));
  for (let round = 0; round < 2; round += 1) {
    for (const change of CHANGES) nodes.apply(change);
    expect([...nodes.details.values()].map((one) => [one.state, one.attempts, one.worker])).toEqual([["failed", 2, "v"], ["succeeded", 1, ""], ["skipped", 0, ""]]);
    expect(nodes.counts()).toEqual({ waiting: 0, running: 0, succeeded: 1, failed: 1, skipped: 1, cancelled: 0, not_taken: 0, mapped: 0 });
  }
  expect(nodes.details.get(0)!.started_at).toBe(AT);
  expect(nodes.details.get(1)!.started_at).toBe("2026-11-26T12:00:00.000Z"); // it was quick: only its end was recorded
});

test("what happens while details are on their way is not lost", async () => {
  const nodes = nodesOf("www");
  let tell: (answer: { seq: number; nodes: Node[] }) => void = () => undefined;
  const learnt = nodes.learn(new Promise((done) => (tell = done)));
  for (const change of CHANGES) nodes.apply(change);
  tell({ seq: 3, nodes: [node("a", 0), node("b", 1)] });
  await learnt;
  expect([...nodes.details.values()].map((one) => one.state)).toEqual(["failed", "succeeded"]);
});

test("letters of all states", () => {
  expect(nodesOf("wrsfkcnm").counts()).toEqual({ waiting: 1, running: 1, succeeded: 1, failed: 1, skipped: 1, cancelled: 1, not_taken: 1, mapped: 1 });
});

test("colours of terminals", () => {
  expect(pieces("a \u001b[1;32mok\u001b[0m b")).toEqual([{ text: "a " }, { text: "ok", bold: true, colour: 2 }, { text: " b" }]);
  expect(plain("\u001b]0;title\u0007x\u001b[2K\u001b[38;5;200my\r\u0000")).toBe("xy");
  expect(plain("<b>\u001b")).toBe("<b>");
});

test.each([["https://a.example/x", true], ["/v1/runs", true], ["javascript:alert(1)", false], [" JaVaScRiPt:alert(1)", false], ["data:text/html,x", false]])("a link to %s may be followed: %s", (address, isSafe) => {
  expect(safeLink(address) !== undefined).toBe(isSafe);
});

function fan(width: number, isGrouped: boolean): Layout {
  const middle = isGrouped
    ? [{ key: "1.", label: "f", operator: "m:f", kind: "task", nodes: [[1, 1, width]], steps: 1, place: [1, 0.5] }]
    : Array.from({ length: width }, (_, index) => ({ key: `f-${index}`, label: `f-${index}`, operator: "m:f", kind: "task", nodes: [[index + 1, 1, 1]], steps: 1, place: [1, index * 1.5 + 0.5] }));
  const end = (key: string, index: number, column: number) => ({ key, label: key, operator: `m:${key}`, kind: "task", nodes: [[index, 1, 1]], steps: 1, place: [column, 0.5] });
  const boxes = [end("load", 0, 0), ...middle, end("join", width + 1, 2)];
  const edges = middle.flatMap((_, index) => [{ from: 0, to: index + 1, through: [] }, { from: index + 1, to: boxes.length - 1, through: [] }]);
  return { plan: "", nodes: width + 2, boxes, edges, branches: [], loops: [] };
}

test("a group shows what its nodes need attention for, and stays where it is when it opens", () => {
  const [closed, opened] = [drawn(fan(900, true)), drawn(fan(900, false))];
  expect(closed.boxes.map((box) => [box.label, box.size])).toEqual([["load", 1], ["f", 900], ["join", 1]]);
  const nodes = nodesOf(`s${"s".repeat(500)}${"r".repeat(400)}w`);
  const counts = countsByBox(closed, nodes)(1);
  expect(counts).toMatchObject({ succeeded: 500, running: 400, waiting: 0 });
  expect(stateOf(counts, 900)).toBe("running");
  const view = fitted(closed, 800, 600);
  const after = steadied(view, closed, opened, 450);
  const [was, is] = [closed.boxes[closed.boxOf[450]], opened.boxes[opened.boxOf[450]]];
  expect(after.y + is.y * after.scale).toBeCloseTo(view.y + was.y * view.scale);
});

// A map "items" of the rows, and within it one of each row: nodes 0 rows, 1 map, 2 row, 3 inner map, 4 cell.
const MAPS = [{ node: 1, within: [2, 3] }, { node: 3, within: [4] }];
const NESTED: Layout = { plan: "", nodes: 5, branches: [], loops: [], edges: [], boxes: ["rows", "items", "row", "inner", "cell"].map((key, index) => ({ key, label: key, operator: `m:${key}`, kind: index % 2 ? "map" : "task", nodes: [[index, 1, 1]], steps: 1, place: [index, 1] })) };

test("what maps add is counted in the boxes of the nodes that it executes", () => {
  const nodes = nodesOf("wwmmm", MAPS);
  nodes.apply({ seq: 2, at: AT, kind: "succeeded", indexes: [0] });
  nodes.apply({ seq: 3, at: AT, kind: "succeeded", indexes: [1], added: [5, 2, 4] }); // 5, 6 row; 7, 8 inner map
  for (let time = 0; time < 2; time += 1) nodes.apply({ seq: 4, at: AT, kind: "succeeded", indexes: [8], added: [9, 3, 3] }); // the second row has three cells
  nodes.apply({ seq: 5, at: AT, kind: "failed", indexes: [11] });
  expect(nodes.size).toBe(12);
  expect([5, 6, 7, 8, 9, 11].map((node) => nodes.templateOf(node))).toEqual([2, 2, 3, 3, 4, 4]);
  expect([nodes.itemsOf(1), nodes.itemsOf(3), nodes.countsOfItems(4).failed, nodes.countsOfItems(4).waiting]).toEqual([2, 3, 1, 2]);
  const drawing = drawn(NESTED);
  const counts = countsByBox(drawing, nodes);
  expect(drawing.boxes.map((_, box) => totalOf(counts(box)))).toEqual([1, 1, 2, 2, 3]);
  expect(boxOfNode(drawing, nodes, 11)).toBe(4);
  expect(drawing.boxes.map((box, index) => detailOf(drawing, box, nodes, counts(index)))).toEqual(["rows", "2 items", "2 items", "2 items", "3 items"]);
  expect(stateOf(counts(4), 3)).toBe("failed");
  const again = nodesOf("ssmmmwwwswwf", MAPS, [[1, 5, 2], [8, 9, 3]]); // as somebody reads it who comes later
  expect(countsByBox(drawing, again)(4)).toEqual(counts(4));
});

test("names of items", () => {
  expect([itemOf("row[3][10]"), itemOf("a/load[0]"), itemOf("load")]).toEqual([{ of: "row", path: [3, 10] }, { of: "a/load", path: [0] }, undefined]);
});

test.each([["swn", "yes"], ["snw", "no"], ["www", undefined], ["fkk", undefined]])("the side that a branch took, of %s, is %s", (states, side) => {
  expect(sideTaken({ node: 0, sides: ["yes", "no"], nodes: [[1, 0], [2, 1]] }, nodesOf(states))).toBe(side);
});

test("a side that is a value has no nodes, and is told by the others", () => {
  const branch = { node: 0, sides: ["a", "b", "c"], nodes: [[1, 0], [2, 1]] };
  expect([sideTaken(branch, nodesOf("snn")), sideTaken(branch, nodesOf("snw"))]).toEqual(["c", "b"]);
});

test.each([["swwww", 1], ["ssnnn", 1], ["sssww", 2], ["ssssn", 2], ["sssss", 3]])("the round of a loop, of %s, is %s", (states, round) => {
  const branches = [1, 3].map((node) => ({ node, sides: ["done", "another"], nodes: [[node + 1, 1]] }));
  expect(roundOf(branches, nodesOf(states))).toBe(round);
});

test("only what is in view is drawn, and zooming keeps the point under the pointer", () => {
  const drawing = drawn(fan(900, false));
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

test.each([[3, 1, "3.0× the usual"], [1, 3, "3.0× faster than usual"], [1.2, 1, ""], [0.3, 0.01, ""], [null, 1, ""], [5, undefined, ""]])("%s s beside a median of %s s", (took, usual, words) => {
  expect(compared(took, usual)).toBe(words);
});

const line = (second: number, micros: number, text: string) => ({ node: "a", attempt: 1, at: `2026-11-26T12:00:${String(second).padStart(2, "0")}.${String(micros).padStart(6, "0")}Z`, text });

test("a stretch of a log goes on where it ends, also within lines of one time", () => {
  const all = [line(1, 0, "a"), line(1, 5, "b"), line(1, 5, "c"), line(1, 5, "d"), line(2, 999_999, "e"), line(2, 999_999, "f")];
  // What the server does: lines from a time on, or before it, without the first or last so many.
  const later = ({ printed_from, skip }: Record<string, unknown>) => all.filter((one) => one.at >= String(printed_from)).slice(Number(skip));
  const earlier = ({ printed_before, skip }: Record<string, unknown>) => all.filter((one) => one.at < String(printed_before)).slice(0, -Number(skip));
  for (let cut = 1; cut < all.length; cut += 1) {
    expect(later(after(all.slice(0, cut)))).toEqual(all.slice(cut));
    expect(earlier(before(all.slice(cut)))).toEqual(all.slice(0, cut));
  }
  expect(justAfter("2026-12-31T23:59:59.999999Z")).toBe("2027-01-01T00:00:00.000000Z");
});

test("a stretch keeps its length", () => {
  const many = Array.from({ length: KEPT_MAX }, (_, index) => line(1, index, `${index}`));
  const long = appended({ lines: many, isFirst: true, isLast: false }, [line(2, 0, "last")], true);
  expect([long.lines.length, long.isFirst, long.isLast, long.lines.at(-1)!.text]).toEqual([KEPT_MAX, false, true, "last"]);
  const back = prepended(long, [line(0, 0, "first")], true);
  expect([back.lines.length, back.isFirst, back.isLast, back.lines[0].text]).toEqual([KEPT_MAX, true, false, "first"]);
});
