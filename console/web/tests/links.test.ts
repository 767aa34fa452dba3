import { expect, test } from "vitest";
import { pathOf } from "../src/api/client";
import { listOf, packed, parseSearch, stringifySearch, textOf, unpacked } from "../src/ui/links";

test.each([{}, { state: "failed" }, { state: ["failed", "running"], workflow: "a b&c=d#é" }])("a view comes back from its address: %j", (search) => {
  expect(parseSearch(stringifySearch(search))).toEqual(search);
});

test("what is empty is left out", () => expect(stringifySearch({ workflow: "", state: [], team: undefined, q: null })).toBe(""));

test("one value or several", () => {
  expect([listOf(undefined), listOf("a"), listOf(["a", "b"])]).toEqual([[], ["a"], ["a", "b"]]);
  expect([textOf(["a", "b"]), textOf(""), textOf(undefined)]).toEqual(["a", undefined, undefined]);
});

test.each([{ inputs: { name: "Ada ☃", n: [1, 2.5, null] } }, [], "text", null])("a form comes back from its link: %j", (value) => {
  const link = packed(value);
  expect(link).toMatch(/^[\w-]*$/);
  expect(unpacked(link)).toEqual(value);
});

test("a broken link is none", () => expect([unpacked("%%%"), unpacked("abc"), unpacked(undefined)]).toEqual([undefined, undefined, undefined]));

test("a request's path", () => expect(pathOf("/runs", { state: ["failed", "running"], team: "", limit: 5 })).toBe("/v1/runs?state=failed&state=running&limit=5"));
