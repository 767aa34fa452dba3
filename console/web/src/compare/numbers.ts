// The numbers within the outputs of a run, by their paths: "metrics.accuracy". Pure.

const NUMBERS_MAX = 200;
const DEPTH_MAX = 6;

export function numbersOf(outputs: unknown): Record<string, number> {
  const found: Record<string, number> = {};
  const walk = (value: unknown, path: string, depth: number): void => {
    if (Object.keys(found).length >= NUMBERS_MAX || depth > DEPTH_MAX) return;
    if (typeof value === "number") found[path || "result"] = value;
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      // What is stored, or would be if it were larger: its size is no result.
      if ("codec" in value && ("artifact" in value || "preview" in value)) return;
      // `numbers` is the one field of a Metrics: its name says nothing.
      for (const [name, part] of Object.entries(value)) walk(part, name === "numbers" ? path : path ? `${path}.${name}` : name, depth + 1);
    }
  };
  walk(outputs, "", 0);
  return found;
}

/** "+12 %", "×3.1", "" where nothing changed. */
export function changeOf(first: number, value: number): string {
  if (first === value) return "";
  if (first === 0 || Math.sign(first) !== Math.sign(value)) return `${value > first ? "+" : "−"}${Number(Math.abs(value - first).toPrecision(3))}`;
  const ratio = value / first;
  if (ratio >= 2) return `×${Number(ratio.toPrecision(2))}`;
  const percent = Math.abs(ratio - 1) * 100;
  return percent < 0.05 ? "" : `${ratio > 1 ? "+" : "−"}${Number(percent.toPrecision(percent < 1 ? 1 : 2))} %`;
}
