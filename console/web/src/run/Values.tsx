// Values as people look at them: what a preview says by its kind, else JSON.
import { Anchor, Group, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Download } from "lucide-react";
import { useState, type ReactNode } from "react";
import { bytes, count, counted, figure } from "../ui/format";
import { Chart, isChart } from "./Chart";
import { Markdown, looksLikeMarkdown } from "./Markdown";
import { Numbers, type Summed } from "./Numbers";
import { cell, StoredTable } from "./Table";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Fields = { [name: string]: Json };

const TEXT_MAX = 20_000;
const ROWS_MAX = 50;
const COLUMNS_MAX = 60;
// A dict of so many numbers is shown as figures, as metrics are.
const TILES_MAX = 12;
// Codecs of tables whose rows can be had in windows.
const PAGED = ["arrow", "polars"];
const IMAGE_BYTES_MAX = 20 * 2 ** 20;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const isStored = (value: unknown): value is Fields => isObject(value) && typeof value.codec === "string" && ("artifact" in value || "preview" in value);

export function ShownValue({ value, depth = 0 }: { value: unknown; depth?: number }): ReactNode {
  if (isStored(value)) return <Stored value={value} depth={depth} />;
  if (isChart(value)) return <Chart spec={value} />;
  if (isObject(value)) {
    const names = Object.keys(value);
    const numbers = isObject(value.numbers) && names.length === 1 ? value.numbers : undefined;
    if (numbers && Object.values(numbers).every((one) => typeof one === "number" || typeof one === "string")) return <Metrics numbers={numbers} />;
    const figures = Object.values(value);
    if (figures.length > 0 && figures.length <= TILES_MAX && figures.every((one) => typeof one === "number") && depth === 0) return <Metrics numbers={value} />;
    if (isObject(value.columns) && Object.values(value.columns).every(Array.isArray)) return <Columns columns={value.columns as { [name: string]: Json[] }} />;
    if (depth < 3 && (Object.values(value).some(isStored) || typeof value.markdown === "string")) {
      return (
        <Stack gap="xs">
          {names.map((name) => <div key={name}><Text size="xs" c="dimmed">{name}</Text><ShownValue value={value[name]} depth={depth + 1} /></div>)}
        </Stack>
      );
    }
  }
  if (Array.isArray(value) && depth < 3 && value.some(isStored)) return <Stack gap="xs">{value.slice(0, ROWS_MAX).map((one, index) => <ShownValue key={index} value={one} depth={depth + 1} />)}</Stack>;
  if (Array.isArray(value) && value.length > 1 && value.length <= 100_000 && value.every((row) => isObject(row) && Object.values(row).every((cell) => !isObject(cell) && !Array.isArray(cell)))) return <Rows rows={value as Fields[]} total={value.length} />;
  if (typeof value === "string") {
    if (looksLikeMarkdown(value)) return <Markdown text={value} />;
    return <pre className="json">{value.slice(0, TEXT_MAX)}</pre>;
  }
  return <pre className="json" tabIndex={0}>{JSON.stringify(value, null, 2)?.slice(0, TEXT_MAX) ?? "–"}</pre>;
}

function Stored({ value, depth }: { value: Fields; depth: number }) {
  const href = typeof value.artifact === "string" ? `/v1/artifacts/${encodeURIComponent(value.artifact)}` : undefined;
  const size = typeof value.size_bytes === "number" ? bytes(value.size_bytes) : "";
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <Text size="xs" c="dimmed">{[value.type, value.codec !== value.type && value.codec, size].filter((one) => typeof one === "string" && one).join(" · ")}</Text>
        {typeof value.artifact === "string" && <Anchor component={Link} to={`/artifacts/${value.artifact}` as string} size="xs">Lineage</Anchor>}
        {href && <Anchor href={href} download size="xs"><Group gap={4} wrap="nowrap" component="span"><Download size={12} aria-hidden />Download</Group></Anchor>}
      </Group>
      {isObject(value.preview) && <PreviewView of={value.preview} href={href} codec={String(value.codec)} size={Number(value.size_bytes)} depth={depth} />}
    </Stack>
  );
}

export function PreviewView({ of, href, codec = "", size, depth }: { of: Fields; href?: string; codec?: string; size: number; depth: number }): ReactNode {
  switch (of.kind) {
    case "table":
      return <Table of={of} artifact={PAGED.includes(codec) ? href?.split("/").at(-1) : undefined} />;
    case "json":
      if ("value" in of) return <ShownValue value={of.value} depth={depth + 1} />;
      return <ShownValue value={of.text ?? of.first} depth={depth + 1} />;
    case "record":
    case "dict":
    case "list":
      return <Container of={of} depth={depth} />;
    case "array":
      if ("min" in of) return <Numbers of={of as unknown as Summed} />;
      return <Lines of={[`${String(of.dtype)} [${(of.shape as Json[])?.join(" × ")}]`, JSON.stringify(of.first)]} />;
    case "tensor":
    case "tensors":
      return <Tensors of={of} />;
    case "onnx":
      return <Lines of={[`opset ${String(of.opset)}, ${counted(Number(of.nodes), "node")}, by ${String(of.producer)}`, `inputs ${JSON.stringify(of.inputs)}`, `outputs ${JSON.stringify(of.outputs)}`]} />;
    case "file":
      return <File of={of} href={href} size={size} />;
    case "folder":
      return <Lines of={[`${String(of.name)}: ${counted(Number(of.count), "file")}`, ...((of.first as string[]) ?? [])]} />;
    case "bytes":
      return isObject(of.figure) && href && size <= IMAGE_BYTES_MAX ? <Image href={href} offset={0} format={String(of.figure.format)} name="picture" /> : <pre className="json">{String(of.first_hex ?? "").replace(/(..)/g, "$1 ")}</pre>;
    case "unknown":
      return <Text size="sm" c="dimmed">No preview: {String(of.problem)}</Text>;
    default:
      return <pre className="json">{JSON.stringify(of, null, 2)}</pre>;
  }
}

function Container({ of, depth }: { of: Fields; depth: number }): ReactNode {
  const parts = isObject(of.fields) ? Object.entries(of.fields) : isObject(of.first) ? Object.entries(of.first) : Array.isArray(of.first) ? of.first.map((one, index): [string, Json] => [String(index), one]) : [];
  return (
    <Stack gap="xs" pl="sm" style={{ borderLeft: "2px solid var(--line)" }}>
      {parts.map(([name, one]) => (
        <div key={name}>
          <Text size="xs" c="dimmed">{name}</Text>
          {isObject(one) && typeof one.kind === "string" ? <PreviewView of={one} size={0} depth={depth + 1} /> : <ShownValue value={one} depth={depth + 1} />}
        </div>
      ))}
      {typeof of.count === "number" && of.count > parts.length && <Text size="xs" c="dimmed">{counted(of.count, "part")} in all</Text>}
    </Stack>
  );
}

function Lines({ of }: { of: string[] }) {
  return <pre className="json">{of.join("\n").slice(0, TEXT_MAX)}</pre>;
}

function Metrics({ numbers }: { numbers: Fields }) {
  return (
    <Group gap="xs">
      {Object.entries(numbers).map(([name, value]) => (
        <div key={name} className="tile"><b title={String(value)}>{typeof value === "number" ? figure(value) : String(value)}</b><span>{name}</span></div>
      ))}
    </Group>
  );
}

function Grid({ heads, rows, note }: { heads: { name: string; type?: string }[]; rows: (Json | undefined)[][]; note: string }) {
  const [all, setAll] = useState(false);
  const shown = rows.slice(0, all ? ROWS_MAX : 10);
  const columns = heads.slice(0, COLUMNS_MAX);
  return (
    <div>
      <div style={{ overflowX: "auto" }} tabIndex={0} role="region" aria-label="Table">
        <table className="value-table">
          <thead><tr>{columns.map((head, at) => <th key={head.name} scope="col" title={head.name} className={shown.some((row) => typeof row[at] === "number") ? "number" : ""}>{head.name}{head.type && <small>{head.type}</small>}</th>)}</tr></thead>
          <tbody>
            {shown.map((row, index) => <tr key={index}>{columns.map((head, at) => <td key={head.name} className={typeof row[at] === "number" ? "number" : ""} title={cell(row[at])}>{cell(row[at])}</td>)}</tr>)}
          </tbody>
        </table>
      </div>
      <Group gap="xs" mt={4}>
        <Text size="xs" c="dimmed">{note}{heads.length > columns.length ? `, the first ${columns.length} of ${heads.length} columns` : ""}</Text>
        {rows.length > shown.length && <Anchor component="button" type="button" size="xs" onClick={() => setAll(true)}>Show more rows</Anchor>}
      </Group>
    </div>
  );
}

function Table({ of, artifact }: { of: Fields; artifact?: string }) {
  const [isWhole, setIsWhole] = useState(false);
  if (artifact && isWhole) return <StoredTable artifact={artifact} />;
  const columns = (of.columns as { name: string; type: string }[]) ?? [];
  const first = (of.first as Json[]) ?? [];
  const rows = first.map((row) => (Array.isArray(row) ? row : columns.map((column) => (row as Fields)?.[column.name])));
  const note = of.rows === null ? "more rows follow" : counted(Number(of.rows), "row");
  return (
    <>
      <Grid heads={columns} rows={rows} note={note} />
      {artifact && first.length > 0 && <div><Anchor component="button" type="button" size="xs" onClick={() => setIsWhole(true)}>Page and sort all rows</Anchor></div>}
    </>
  );
}

function Columns({ columns }: { columns: { [name: string]: Json[] } }) {
  const names = Object.keys(columns);
  const total = Math.max(0, ...names.map((name) => columns[name].length));
  const rows = Array.from({ length: Math.min(total, ROWS_MAX) }, (_, index) => names.map((name) => columns[name][index]));
  return <Grid heads={names.map((name) => ({ name }))} rows={rows} note={counted(total, "row")} />;
}

function Rows({ rows, total }: { rows: Fields[]; total: number }) {
  const names = [...new Set(rows.slice(0, ROWS_MAX).flatMap((row) => Object.keys(row)))];
  return <Grid heads={names.map((name) => ({ name }))} rows={rows.slice(0, ROWS_MAX).map((row) => names.map((name) => row[name]))} note={counted(total, "row")} />;
}

function Tensors({ of }: { of: Fields }) {
  const tensors = (of.tensors as Fields[]) ?? [];
  return (
    <div>
      <Text size="xs" c="dimmed">{counted(Number(of.count ?? tensors.length), "tensor")}{typeof of.parameters === "number" ? `, ${count(of.parameters)} parameters` : ""}</Text>
      <Grid heads={[{ name: "name" }, { name: "type" }, { name: "shape" }]} rows={tensors.map((one) => [one.name, one.dtype, (one.shape as Json[])?.join(" × ")])} note="" />
    </div>
  );
}

function File({ of, href, size }: { of: Fields; href?: string; size: number }) {
  const name = String(of.name);
  // A file is stored after its name.
  if (isObject(of.figure) && href && size <= IMAGE_BYTES_MAX) return <Image href={href} offset={Number(size) - Number(of.size_bytes)} format={String(of.figure.format)} name={name} />;
  const lines = Array.isArray(of.lines) ? of.lines : [];
  return <Lines of={[`${name}, ${bytes(Number(of.size_bytes))}`, ...lines.map(String)]} />;
}

const IMAGE_TYPES: Record<string, string> = { png: "image/png", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", svg: "image/svg+xml" };

/** A picture, drawn by <img>, which runs no script of an SVG. Its bytes are fetched when it is wanted. */
function Image({ href, offset, format, name }: { href: string; offset: number; format: string; name: string }) {
  const [source, setSource] = useState<string>();
  const [problem, setProblem] = useState("");
  const load = (node: HTMLDivElement | null) => {
    if (!node || source || problem) return;
    const stop = new AbortController();
    fetch(href, { signal: stop.signal })
      .then(async (answer) => {
        if (!answer.ok) throw new Error(`the artifact answered ${answer.status}`);
        setSource(URL.createObjectURL(new Blob([(await answer.arrayBuffer()).slice(offset)], { type: IMAGE_TYPES[format] ?? "image/png" })));
      })
      .catch((error: unknown) => setProblem(String(error)));
  };
  if (problem) return <Text size="sm" c="dimmed">No picture: {problem}</Text>;
  return <div ref={load}>{source ? <img src={source} alt={name} style={{ maxWidth: "100%", maxHeight: 480, borderRadius: 6, background: "#fff" }} /> : <Text size="sm" c="dimmed">Loading {name}…</Text>}</div>;
}
