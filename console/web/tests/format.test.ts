import { expect, test } from "vitest";
import { ago, bytes, count, counted, duration, figure, functionName } from "../src/ui/format";

test.each([
  [0, "0 ms"], [0.0123, "12 ms"], [0.0996, "0.1 s"], [1.26, "1.3 s"], [9.96, "10 s"], [59.6, "1 min 0 s"], [61, "1 min 1 s"], [3_600, "1 h 0 min"], [90_000, "25 h 0 min"], [200_000, "2 d 7 h"], [null, "–"],
])("a duration of %s s is %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test("sizes, counts and figures", () => {
  expect([bytes(0), bytes(1023), bytes(1024), bytes(64 * 2 ** 20), bytes(2 ** 60)]).toEqual(["0 B", "1023 B", "1.0 KiB", "64 MiB", "1024 PiB"]);
  expect([count(1_234_567), counted(1, "run"), counted(0, "run")]).toEqual(["1 234 567", "1 run", "0 runs"]);
  expect([figure(0.97312345), figure(12), figure(1.5e9), figure(1.23456e-7), figure(0.1 + 0.2)]).toEqual(["0.97312", "12", "1 500 000 000", "1.235e-7", "0.3"]);
  expect(functionName("pkg.shop:Outer.score")).toBe("Outer.score");
});

test("times ago", () => {
  const now = Date.parse("2026-11-26T12:00:00Z");
  expect(["2026-11-26T11:59:58Z", "2026-11-26T11:58:00Z", "2026-11-26T09:00:00Z", "2026-11-24T09:00:00Z"].map((at) => ago(at, now))).toEqual(["just now", "2 min ago", "3 h ago", "2 d ago"]);
});
