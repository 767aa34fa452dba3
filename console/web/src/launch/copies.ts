// A launch in other words: Python, the command line, curl.
import { isRaw } from "./exact";
import type { Json } from "./fields";

export interface Launching {
  workflow: string;
  plan: string;
  inputs: { [name: string]: Json };
  artifacts: { [name: string]: unknown };
  team: string;
  pool: string;
  priority: number;
  labels: { [name: string]: string };
  notify: string[];
}

/** The body of POST /v1/runs; what is not set is left out. */
export function bodyOf(one: Launching): { [name: string]: unknown } {
  const body: { [name: string]: unknown } = one.workflow ? { workflow: one.workflow } : { plan: one.plan };
  if (Object.keys(one.inputs).length) body.inputs = one.inputs;
  if (Object.keys(one.artifacts).length) body.artifacts = one.artifacts;
  if (one.team) body.team = one.team;
  if (one.pool) body.pool = one.pool;
  if (one.priority) body.priority = one.priority;
  if (Object.keys(one.labels).length) body.labels = one.labels;
  if (one.notify.length) body.notify = one.notify;
  return body;
}

/** A word for a POSIX shell. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

export function asCurl(one: Launching, origin: string): string {
  return `curl -s ${origin}/v1/runs --json ${quoted(JSON.stringify(bodyOf(one)))}`;
}

export function asCommand(one: Launching): string {
  const words = ["penstock", "run", one.workflow || one.plan];
  if (one.team) words.push("--team", one.team);
  if (one.pool) words.push("--pool", one.pool);
  if (one.priority) words.push("--priority", String(one.priority));
  for (const [name, value] of Object.entries(one.labels)) words.push("--label", `${name}=${value}`);
  for (const channel of one.notify) words.push("--notify", channel);
  for (const [name, value] of Object.entries(one.inputs)) words.push("--input", `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return words.map(quoted).join(" ");
}

export function asPython(one: Launching, origin: string): string {
  const body = python(bodyOf(one) as Json, "");
  return `import json\nimport urllib.request\n\nbody = ${body}\nrequest = urllib.request.Request(\n    ${JSON.stringify(`${origin}/v1/runs`)},\n    json.dumps(body).encode(),\n    {"Content-Type": "application/json"},\n)\nprint(json.load(urllib.request.urlopen(request))["run"])`;
}

export function python(value: Json, indent: string): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map((one) => python(one, indent)).join(", ")}]`;
  if (isRaw(value)) return value.rawJSON;
  if (typeof value === "object") {
    const inner = `${indent}    `;
    const lines = Object.entries(value).map(([name, one]) => `${inner}${JSON.stringify(name)}: ${python(one, inner)},\n`);
    return lines.length ? `{\n${lines.join("")}${indent}}` : "{}";
  }
  // JSON's text is Python's, but for characters beyond the first plane, which JSON writes as they are.
  return JSON.stringify(value);
}
