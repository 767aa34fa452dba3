import { expect, test } from "vitest";
import type { ListedRun } from "../src/api/types";
import { filterOf } from "../src/runs/BulkCancel";
import { NO_NEWS, withChange, withNews } from "../src/runs/live";

const run = (id: string, second: number, state: ListedRun["state"] = "running"): ListedRun => ({ run: id, submitted_at: `2026-11-26T12:00:0${second}Z`, state }) as ListedRun;
const shown = (runs: ListedRun[]): string[] => runs.map((one) => `${one.run} ${one.state}`);

test("changes of runs, in any order and again", () => {
  const read = [run("d", 4), run("c", 3), run("b", 2)];
  const changes = [
    { runs: [run("e", 5), run("c", 3, "succeeded")], left: [], removed: [] },
    { runs: [], left: ["d"], removed: ["b"] },
    { runs: [run("a", 1)], left: [], removed: [] },
    { runs: [run("d", 4, "failed")], left: [], removed: [] },
  ];
  const news = changes.reduce(withChange, NO_NEWS);
  expect(shown(withNews(read, news, true))).toEqual(["e running", "d failed", "c succeeded"]);
  expect(shown(withNews(read, changes.reduce(withChange, news), true))).toEqual(shown(withNews(read, news, true)));
  // Without further pages, an older run belongs to the list, too.
  expect(shown(withNews(read, news, false)).at(-1)).toBe("a running");
  expect(shown(withNews([], withChange(NO_NEWS, { runs: [run("z", 1)], left: [], removed: [] }), false))).toEqual(["z running"]);
});

test("what is cancelled is what is shown", () => {
  const none = { q: undefined, workflow: undefined, name: undefined, team: undefined, user: undefined, label: [] };
  expect(filterOf({ ...none, team: "search", q: "Rank", label: ["ticket:4:2"] })).toEqual({ team: "search", q: "Rank", labels: { ticket: "4:2" }, states: ["running"] });
});
