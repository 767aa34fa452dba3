// What a form is made of, from the JSON Schema of a workflow's inputs. Pure; every schema becomes something that can be filled in.

import { isRaw, type RawNumber } from "./exact";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json } | RawNumber;
export type Schema = { [word: string]: unknown };

interface Common {
  title: string;
  doc: string;
  schema: Schema;
  /** May be null, which then is what an empty field means. */
  isOptional: boolean;
}

export type Field = Common &
  (
    | { kind: "text"; format: string }
    | { kind: "number"; isWhole: boolean; minimum?: number; maximum?: number; words: readonly string[] }
    | { kind: "switch" }
    | { kind: "choice"; options: Json[] }
    | { kind: "list"; item: Field; least: number; most: number }
    | { kind: "tuple"; items: Field[] }
    | { kind: "record"; fields: { name: string; field: Field; isRequired: boolean }[] }
    | { kind: "map"; value: Field }
    | { kind: "union"; options: Field[] }
    | { kind: "stored"; of: string }
    | { kind: "file" }
    | { kind: "json" }
  );

const DEPTH_MAX = 12;
const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value);

/** "learning_rate" and "learningRate" -> "Learning rate". */
export function titleOf(name: string): string {
  const words = name.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function fieldOf(schema: unknown, name: string, root: Schema, path: readonly string[] = []): Field {
  const given = isSchema(schema) ? schema : {};
  const found = resolved(given, root);
  const common = { title: name ? titleOf(name) : text(found?.title), doc: text(given.description) || text(found?.description), schema: given, isOptional: false };
  const json = (): Field => ({ ...common, kind: "json" });
  if (!found) return json();
  const reference = text(given.$ref);
  // A type that contains itself: its inner part is JSON.
  if ((reference && path.includes(reference)) || path.length > DEPTH_MAX) return json();
  const inside = (part: unknown, called: string): Field => fieldOf(part, called, root, [...path, reference || "."]);

  const branches = [found.anyOf, found.oneOf].find(Array.isArray) as Schema[] | undefined;
  if (branches) return unionOf(branches, common, inside, root, json);
  if (text(found["x-kind"])) return { ...common, kind: "stored", of: text(found["x-type"]) || text(found["x-kind"]) };
  if (Array.isArray(found.enum)) {
    const names = Array.isArray(found["x-names"]) ? (found["x-names"] as Json[]) : (found.enum as Json[]);
    return { ...common, kind: "choice", options: names };
  }
  if ("const" in found) return { ...common, kind: "choice", options: [found.const as Json] };
  switch (found.type) {
    case "string":
      return found.format === "path" ? { ...common, kind: "file" } : { ...common, kind: "text", format: text(found.format) };
    case "integer":
    case "number":
      return { ...common, kind: "number", isWhole: found.type === "integer", minimum: number(found.minimum), maximum: number(found.maximum), words: [] };
    case "boolean":
      return { ...common, kind: "switch" };
    case "array":
      if (Array.isArray(found.prefixItems)) return { ...common, kind: "tuple", items: found.prefixItems.map((item, index) => inside(item, `${index + 1}`)) };
      if (!isSchema(found.items)) return json();
      return { ...common, kind: "list", item: inside(found.items, ""), least: number(found.minItems) ?? 0, most: number(found.maxItems) ?? Infinity };
    case "object": {
      if (isSchema(found.properties)) {
        const required = Array.isArray(found.required) ? found.required : [];
        return { ...common, kind: "record", fields: Object.entries(found.properties).map(([called, part]) => ({ name: called, field: inside(part, called), isRequired: required.includes(called) })) };
      }
      return isSchema(found.additionalProperties) && Object.keys(found.additionalProperties).length ? { ...common, kind: "map", value: inside(found.additionalProperties, "") } : json();
    }
    default:
      return json();
  }
}

function unionOf(branches: Schema[], common: Common, inside: (part: unknown, name: string) => Field, root: Schema, json: () => Field): Field {
  const isNull = (branch: Schema) => resolved(branch, root)?.type === "null";
  const isOptional = branches.some(isNull);
  const isNumber = branches.some((branch) => resolved(branch, root)?.type === "number");
  const words = isNumber ? branches.flatMap(wordsOf) : [];
  const others = branches.filter((branch) => !isNull(branch) && !(isNumber && wordsOf(branch).length));
  if (others.length === 0) return json();
  if (others.length === 1) {
    const field = inside(others[0], "");
    const whole = { ...field, title: common.title, doc: common.doc || field.doc, isOptional: isOptional || field.isOptional };
    return whole.kind === "number" ? { ...whole, schema: common.schema, words } : whole;
  }
  const options = others.map((branch, index) => {
    const field = inside(branch, "");
    if (field.kind === "number" && !field.isWhole) field.words = words;
    return { ...field, title: field.title || nameOf(field) || `Option ${index + 1}` };
  });
  return { ...common, kind: "union", options, isOptional };
}

/** The words for NaN and the infinities, if a branch has nothing else: JSON has no numbers for them. */
function wordsOf(branch: Schema): string[] {
  const words = Object.keys(branch).length === 1 && Array.isArray(branch.enum) ? (branch.enum as Json[]) : [];
  return words.every((word) => word === "NaN" || word === "Infinity" || word === "-Infinity") ? (words as string[]) : [];
}

/** What was typed for a number: the number, or one of its words; anything else stays text, which the schema refuses. */
export function numberOf(typed: string, words: readonly string[]): Json {
  const found = Number(typed);
  return typed.trim() === "" || words.includes(typed) || !Number.isFinite(found) ? typed : found;
}

/** What a field takes, in a word. */
export function nameOf(field: Field): string {
  switch (field.kind) {
    case "text":
      return field.format || "text";
    case "number":
      return field.isWhole ? "whole number" : "number";
    case "switch":
      return "yes or no";
    case "list":
      return `list of ${nameOf(field.item) || "values"}`;
    case "record":
      return text(field.schema.title) || field.title || "record";
    case "stored":
      return field.of;
    default:
      return field.kind === "choice" ? "choice" : field.kind;
  }
}

/** A schema with its reference followed; undefined where that leads nowhere. */
export function resolved(schema: Schema, root: Schema): Schema | undefined {
  let found = schema;
  for (let step = 0; step < DEPTH_MAX; step += 1) {
    const reference = found.$ref;
    if (typeof reference !== "string") return found;
    if (!reference.startsWith("#")) return undefined;
    let next: unknown = root;
    for (const word of reference.slice(1).split("/").filter(Boolean)) {
      const key = decodeURIComponent(word).replaceAll("~1", "/").replaceAll("~0", "~");
      next = isSchema(next) && Object.hasOwn(next, key) ? next[key] : undefined;
    }
    if (!isSchema(next)) return undefined;
    const { $ref: _, ...beside } = found;
    found = { ...next, ...beside };
  }
  return undefined;
}

/** What a new item of a list, or another branch of a union, begins with. */
export function initial(field: Field, root: Schema): Json | undefined {
  const found = resolved(field.schema, root);
  if (found && "default" in found) return found.default as Json;
  if (field.isOptional) return null;
  switch (field.kind) {
    case "switch":
      return false;
    case "text":
      return field.format ? undefined : "";
    case "choice":
      return field.options[0];
    case "list":
      return Array.from({ length: Math.min(field.least, 10) }, () => initial(field.item, root) ?? null);
    case "tuple":
      return field.items.map((item) => initial(item, root) ?? null);
    case "map":
      return {};
    case "record": {
      const parts: [string, Json][] = [];
      for (const { name, field: inner } of field.fields) {
        const value = initial(inner, root);
        if (value !== undefined) parts.push([name, value]);
      }
      return Object.fromEntries(parts);
    }
    case "union":
      return initial(field.options[0], root);
    default:
      return undefined;
  }
}

/** The branch of a union that a value belongs to, by its shape. */
export function branchOf(options: readonly Field[], value: Json | undefined): number {
  const scores = options.map((option) => fit(option, value));
  const best = Math.max(...scores);
  return best > 0 ? scores.indexOf(best) : 0;
}

function fit(field: Field, value: Json | undefined): number {
  switch (field.kind) {
    case "text":
    case "file":
      return typeof value === "string" ? 2 : 0;
    case "number":
      if (typeof value === "string") return field.words.includes(value) ? 3 : 0;
      if (isRaw(value)) return field.isWhole === /^-?\d+$/.test(value.rawJSON) ? 3 : 2;
      return typeof value !== "number" ? 0 : field.isWhole ? (Number.isInteger(value) ? 3 : 0) : 2;
    case "switch":
      return typeof value === "boolean" ? 2 : 0;
    case "choice":
      return field.options.some((option) => JSON.stringify(option) === JSON.stringify(value)) ? 4 : 0;
    case "list":
      return Array.isArray(value) ? 2 : 0;
    case "tuple":
      return Array.isArray(value) && value.length === field.items.length ? 3 : 0;
    case "map":
      return isSchema(value) ? 1 : 0;
    case "record": {
      if (!isSchema(value)) return 0;
      const names = Object.keys(value);
      const known = field.fields.filter(({ name, field: inner }) => name in value && (inner.kind !== "choice" || fit(inner, value[name] as Json) > 0)).length;
      return known === names.length ? 3 + known : known > 0 ? 1 : 0;
    }
    default:
      return 1;
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
