// The verdict on a filled-in form: at once by a validator that interprets the schema, and later the State Tracker's own.
import { Validator, type Schema as Draft } from "@cfworker/json-schema";
import type { Fault } from "../api/types";
import type { Json, Schema } from "./fields";

/** By JSON pointer below the inputs: "/training/epochs". */
export type Errors = ReadonlyMap<string, string>;

// They only repeat what an inner error says better.
const OUTER = new Set(["properties", "items", "prefixItems", "additionalProperties", "$ref", "allOf", "propertyNames", "dependentSchemas"]);

export function check(schema: Schema, inputs: { [name: string]: Json }, given: ReadonlySet<string>): Errors {
  const errors = new Map<string, string>();
  const validator = new Validator(schema as Draft, "2020-12", false);
  const found = validator.validate(inputs).errors;
  for (const [index, one] of found.entries()) {
    if (one.keyword === "anyOf" && isOfNumber(found.slice(index + 1), one.instanceLocation)) continue;
    const pointer = one.instanceLocation.replace(/^#/, "");
    if (one.keyword === "required") {
      const name = /"(.*)"/.exec(one.error)?.[1] ?? "";
      if (!(pointer === "" && given.has(name))) errors.set(`${pointer}/${escaped(name)}`, "is required");
      continue;
    }
    if (OUTER.has(one.keyword) || errors.has(pointer)) continue;
    if (given.has(pointer.split("/")[1] ?? "")) continue;
    errors.set(pointer, worded(one.keyword, one.error, schema));
  }
  return errors;
}

/** Whether only a number and its words were to choose from: then what is wrong with the number says it. */
function isOfNumber(after: readonly { keyword: string; instanceLocation: string; error: string }[], place: string): boolean {
  const here = after.filter((one) => one.instanceLocation === place && one.keyword !== "anyOf");
  return here.length === 2 && here[1]?.keyword === "enum" && here[1].error.includes("Infinity");
}

function worded(keyword: string, error: string, _schema: Schema): string {
  const last = /([^ ]+?)\.?$/.exec(error)?.[1] ?? "";
  switch (keyword) {
    case "minimum":
      return `must be at least ${last}`;
    case "maximum":
      return `must be at most ${last}`;
    case "exclusiveMinimum":
      return `must be more than ${last}`;
    case "exclusiveMaximum":
      return `must be less than ${last}`;
    case "type":
      return error.replace(/^Instance type (".*") is invalid\. Expected (".*")\.$/, (_, is: string, wanted: string) => `must be ${wanted.replaceAll('"', "")}, not ${is.replaceAll('"', "")}`);
    case "uniqueItems":
      return "must not contain the same item twice";
    case "pattern":
      return "has the wrong form";
    case "format":
      return `is no valid ${/format "(.*?)"/.exec(error)?.[1] ?? "value"}`;
    case "enum":
    case "const":
      return "must be one of the choices";
    case "anyOf":
    case "oneOf":
      return "fits none of the alternatives";
    default:
      return error;
  }
}

/** What the server says, by the same pointers. */
export function ofServer(faults: readonly Fault[]): Errors {
  return new Map(faults.map((fault) => [fault.pointer.replace(/^\/(inputs|artifacts)/, ""), fault.detail.replace(/^input '[^']*' /, "")]));
}

export const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");
