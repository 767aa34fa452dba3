import { expect, test } from "vitest";
import { changeOf, numbersOf } from "../src/compare/numbers";
import { asCommand, asCurl, asPython, bodyOf, python, quoted, type Launching } from "../src/launch/copies";
import { nearest, parseExact } from "../src/launch/exact";
import { branchOf, fieldOf, initial, numberOf, titleOf, type Field, type Json, type Schema } from "../src/launch/fields";
import { parsed } from "../src/launch/Reference";
import { check, ofServer } from "../src/launch/validation";
import { packed, unpacked } from "../src/ui/links";

const LAYER = { type: "object", title: "Layer", properties: { width: { type: "integer", minimum: 1 }, kind: { const: "dense" } }, required: ["width"], additionalProperties: false };
const TREE = { type: "object", title: "Tree", properties: { left: { anyOf: [{ $ref: "#/$defs/Tree" }, { type: "null" }] }, value: { type: "number" } }, required: ["value"] };
const SCHEMA: Schema = {
  type: "object",
  properties: {
    name: { type: "string", default: "world" },
    seed: { anyOf: [{ type: "integer" }, { type: "null" }], default: null },
    layer: { $ref: "#/$defs/Layer" },
    pair: { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }], minItems: 2, maxItems: 2 },
    which: { anyOf: [{ $ref: "#/$defs/Layer" }, { $ref: "#/$defs/Tree" }, { type: "string" }] },
    model: { anyOf: [{ "x-kind": "Model", "x-type": "Model[Net]" }, { type: "null" }] },
    tree: { $ref: "#/$defs/Tree" },
    level: { enum: ["LOW", "HIGH", 1, 2], "x-names": ["LOW", "HIGH"] },
    file: { type: "string", format: "path" },
    rates: { type: "object", additionalProperties: { type: "number" } },
    anything: {},
    odd: { $ref: "#/$defs/None" },
  },
  required: ["layer", "file"],
  additionalProperties: false,
  $defs: { Layer: LAYER, Tree: TREE },
};
const form = fieldOf(SCHEMA, "", SCHEMA);
const fields = Object.fromEntries((form as Extract<Field, { kind: "record" }>).fields.map(({ name, field }) => [name, field]));

test("every type has a widget, at worst JSON", () => {
  expect(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, `${field.kind}${field.isOptional ? "?" : ""}`]))).toEqual({
    name: "text", seed: "number?", layer: "record", pair: "tuple", which: "union", model: "stored?", tree: "record", level: "choice", file: "file", rates: "map", anything: "json", odd: "json",
  });
  expect(fields.level).toMatchObject({ options: ["LOW", "HIGH"] });
  expect(fields.model).toMatchObject({ of: "Model[Net]" });
  expect(titleOf("learning_rate")).toBe("Learning rate");
});

test("a type that contains itself ends in JSON", () => {
  const tree = fields.tree as Extract<Field, { kind: "record" }>;
  expect(tree.fields[0].field.kind).toBe("json");
});

test("a value chooses its branch", () => {
  const { options } = fields.which as Extract<Field, { kind: "union" }>;
  expect([branchOf(options, { width: 3 }), branchOf(options, { value: 1, left: null }), branchOf(options, "x"), branchOf(options, undefined)]).toEqual([0, 1, 2, 0]);
});

test("errors are beside their fields", () => {
  const errors = check(SCHEMA, { layer: { width: 0 }, seed: 1.5, name: 3, pair: [1] } as { [name: string]: Json }, new Set());
  expect(Object.fromEntries(errors)).toMatchObject({ "/layer/width": "must be at least 1", "/name": "must be string, not number", "/file": "is required", "/seed": expect.any(String), "/pair": expect.any(String) });
  expect(check(SCHEMA, { layer: { width: 1 } }, new Set(["file"])).size).toBe(0);
  expect(Object.fromEntries(ofServer([{ pointer: "/inputs/layer/width", detail: "input 'layer' field 'width' must be at least 1, not 0" }]))).toEqual({ "/layer/width": "field 'width' must be at least 1, not 0" });
});

test("a float is one field, also with the words for NaN and the infinities", () => {
  const share = { anyOf: [{ type: "number", minimum: 0 }, { enum: ["Infinity"] }] };
  const root: Schema = { type: "object", properties: { share, none: { anyOf: [...share.anyOf, { type: "null" }] }, either: { anyOf: [...share.anyOf, { type: "string" }] } } };
  const made = Object.fromEntries((fieldOf(root, "", root) as Extract<Field, { kind: "record" }>).fields.map(({ name, field }) => [name, field]));
  expect([made.share, made.none]).toMatchObject([{ kind: "number", words: ["Infinity"], isOptional: false }, { kind: "number", words: ["Infinity"], isOptional: true }]);
  expect((made.either as Extract<Field, { kind: "union" }>).options.map(({ kind }) => kind)).toEqual(["number", "text"]);
  expect([numberOf("1.", ["Infinity"]), numberOf("Infinity", ["Infinity"]), numberOf("NaN", ["Infinity"]), numberOf("1e", [])]).toEqual([1, "Infinity", "NaN", "1e"]);
  expect([...check(root, { share: -1, none: "Infinity", either: "x" }, new Set())]).toEqual([["/share", "must be at least 0"]]);
  expect([...check(root, { share: "NaN" }, new Set())]).toEqual([["/share", "must be number, not string"]]);
});

test("what a list or a branch begins with fits, where the schema says enough", () => {
  expect(initial(fields.layer, SCHEMA)).toEqual({ kind: "dense" });
  expect(initial(fields.pair, SCHEMA)).toEqual([null, ""]);
  expect(initial(fields.seed, SCHEMA)).toBe(null);
});

/** Schemas of the kinds that the SDK compiles, at random but always the same ones. */
function random(seed: number): (most: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % most;
  };
}

function made(next: (most: number) => number, depth: number): [Schema, Json] {
  switch (next(depth > 3 ? 5 : 10)) {
    case 0: return [{ type: "integer" }, next(100)];
    case 1: return [{ anyOf: [{ type: "number" }, { enum: ["NaN", "Infinity", "-Infinity"] }] }, [next(100) / 8, "NaN", "-Infinity"][next(3)]];
    case 2: return [{ type: "boolean" }, next(2) === 1];
    case 3: return [{ enum: ["a", "b"] }, "ab"[next(2)]];
    case 4: return [{ type: "string" }, `text ${next(9)} ☃`];
    case 5: { const [schema, value] = made(next, depth + 1); return [{ anyOf: [schema, { type: "null" }] }, next(2) ? value : null]; }
    case 6: { const [schema, value] = made(next, depth + 1); return [{ type: "array", items: schema }, Array.from({ length: next(3) }, () => value)]; }
    case 7: { const parts = [made(next, depth + 1), made(next, depth + 1)]; return [{ type: "array", prefixItems: parts.map(([schema]) => schema), minItems: 2, maxItems: 2 }, parts.map(([, value]) => value)]; }
    case 8: { const [schema, value] = made(next, depth + 1); return [{ type: "object", additionalProperties: schema }, { key: value, "a/b~c": value }]; }
    default: { const parts = ["x", "y", "z"].map((name): [string, [Schema, Json]] => [name, made(next, depth + 1)]); return [{ type: "object", properties: Object.fromEntries(parts.map(([name, [schema]]) => [name, schema])), required: ["x"], additionalProperties: false }, Object.fromEntries(parts.map(([name, [, value]]) => [name, value]))]; }
  }
}

test("any inputs come back from a link, fit the schema, and have a widget", () => {
  for (let seed = 0; seed < 500; seed += 1) {
    const [schema, value] = made(random(seed), 0);
    const root: Schema = { type: "object", properties: { input: schema }, required: ["input"], additionalProperties: false };
    const field = fieldOf(root, "", root) as Extract<Field, { kind: "record" }>;
    expect(field.fields[0].field.kind, `seed ${seed}`).not.toBe("json");
    const inputs = { input: value };
    expect([...check(root, inputs, new Set())], `seed ${seed}`).toEqual([]);
    expect(unpacked(packed({ inputs })), `seed ${seed}`).toEqual({ inputs });
  }
});

const LAUNCHING: Launching = { workflow: "shop@1", plan: "", inputs: { name: "it's \u{1f600}", flag: true, none: null, list: [1] }, artifacts: {}, team: "search", pool: "", priority: 0, labels: { ticket: "4 2" }, notify: ["on-call"] };

test("a launch in other words", () => {
  expect(bodyOf(LAUNCHING)).toEqual({ workflow: "shop@1", inputs: LAUNCHING.inputs, team: "search", labels: { ticket: "4 2" }, notify: ["on-call"] });
  expect(asCommand(LAUNCHING)).toBe(`penstock run shop@1 --team search --label 'ticket=4 2' --notify on-call --input 'name=it'\\''s \u{1f600}' --input flag=true --input none=null --input 'list=[1]'`);
  expect(asCurl(LAUNCHING, "http://h")).toContain("http://h/v1/runs --json '{");
  expect(asPython(LAUNCHING, "http://h")).toContain('"flag": True');
  expect(python({}, "")).toBe("{}");
  expect([quoted("a b"), quoted("$(x)"), quoted("")]).toEqual(["'a b'", "'$(x)'", "''"]);
});

test("numbers that a browser cannot hold stay what they are", () => {
  const text = '{"a":12345678901234567890,"b":[1.0,1e400,-0.0,0.1,7],"c":{"d":1E2}}';
  const value = parseExact(text) as { [name: string]: Json };
  expect(JSON.stringify(value)).toBe(text);
  expect(JSON.stringify(unpacked(packed(value)))).toBe(text);
  expect(nearest(value)).toEqual({ a: 12345678901234567000, b: [1, Infinity, -0, 0.1, 7], c: { d: 100 } });
  expect(python(value, "")).toContain('"a": 12345678901234567890');
  const schema: Schema = { type: "object", properties: { a: { type: "integer" }, b: { type: "array", items: { type: "number" } }, c: {} } };
  expect(check(schema, nearest(value), new Set()).size).toBe(0);
});

test("references to outputs", () => {
  expect(parsed("01a219e8-fc48-72d7-8db2-b1fc41101a51/train-2.model")).toEqual({ run: "01a219e8-fc48-72d7-8db2-b1fc41101a51", node: "train-2", output: "model" });
  expect(parsed("01a219e8fc4872d78db2b1fc41101a51/load")?.output).toBe("result");
  expect(parsed("nonsense")).toBeUndefined();
});

test("numbers of outputs, and how they changed", () => {
  expect(numbersOf({ metrics: { numbers: { accuracy: 0.9 } }, n: 3, model: { codec: "torch", artifact: "aa", size_bytes: 5 }, list: [1] })).toEqual({ "metrics.accuracy": 0.9, n: 3 });
  expect(numbersOf(7)).toEqual({ result: 7 });
  expect([changeOf(1, 1), changeOf(1, 1.1), changeOf(1, 0.5), changeOf(1, 3), changeOf(0, 2), changeOf(1, -1)]).toEqual(["", "+10 %", "−50 %", "×3", "+2", "−2"]);
});
