// JSON whose numbers stay what they were: a browser makes 12345678901234567890 and 1.0 another number, or another type.

/** A number that a browser cannot hold, as its text. */
export interface RawNumber {
  readonly rawJSON: string;
}

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON?: (text: string) => RawNumber;
}

const EXACT = JSON as unknown as ExactJson;

export const isRaw = (value: unknown): value is RawNumber => typeof value === "object" && value !== null && Object.hasOwn(value, "rawJSON") && Object.isFrozen(value);

/** Parse JSON; what would be written otherwise than it was read, stays as it is. `JSON.stringify` writes both. */
export function parseExact(text: string): unknown {
  return EXACT.parse(text, (_, value, context) => {
    if (typeof value !== "number" || context?.source === undefined || !EXACT.rawJSON) return value;
    return JSON.stringify(value) === context.source ? value : EXACT.rawJSON(context.source);
  });
}

/** The nearest that a browser can compute with, for what only looks at a value. */
export function nearest<T>(value: T): T {
  if (isRaw(value)) return Number(value.rawJSON) as T;
  if (Array.isArray(value)) return value.map(nearest) as T;
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, nearest(one)])) as T;
  return value;
}
