import { Anchor, Box, Button, Group, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { get, part } from "../api/client";
import type { Comparison, ComparedOperator, FoundRuns, Result, Runs } from "../api/types";
import { ago, duration, figure, functionName, moment, shortId } from "../ui/format";
import { listOf, type Search } from "../ui/links";
import { Empty, Failed, Loading, Page, RunLink, useNow } from "../ui/pieces";
import { StateWord } from "../ui/states";
import { changeOf, numbersOf } from "./numbers";

const RUNS_MAX = 6;

export function ComparePage() {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const runs = [...new Set(listOf(search.run))].slice(0, RUNS_MAX);
  const set = (next: string[]) => void navigate({ to: "/compare" as string, search: { run: next } as never, replace: true });
  const compared = useQuery({ queryKey: ["compare", runs], queryFn: ({ signal }) => get<Comparison>("/runs:compare", { run: runs }, signal), enabled: runs.length > 1, retry: 2 });
  const results = useQuery({ queryKey: ["compared-results", runs], queryFn: () => Promise.all(runs.map((run) => get<Result>(`/runs/${part(run)}/result`, { preview: true }))), enabled: runs.length > 1 });
  return (
    <Page title="Compare" subtitle="Runs side by side; what differs is marked. Changes are against the first run." actions={runs.length < RUNS_MAX && <Add add={(run) => set([...runs, run])} />}>
      {runs.length === 0 ? <div className="panel"><Empty title="Choose runs to compare">Mark them in the <Link to={"/runs" as string}>list of runs</Link>, or add them here by their ids.</Empty></div>
        : runs.length === 1 ? <Candidates run={runs[0]} add={(run) => set([...runs, run])} />
        : compared.isPending ? <Loading what="the comparison" />
        : compared.isError ? <Failed error={compared.error} retry={() => void compared.refetch()} />
        : <Shown compared={compared.data} results={results.data} remove={(run) => set(runs.filter((one) => one !== run))} />}
    </Page>
  );
}

/** Adds a run by its id, or by the beginning or the end of it. */
function Add({ add }: { add: (run: string) => void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const find = async () => {
    try {
      const { runs } = await get<FoundRuns>("/runs:find", { part: text.replaceAll("-", "").trim() });
      if (runs.length === 1) {
        add(runs[0]);
        setText("");
        setProblem("");
      } else setProblem(runs.length ? `${runs.length} runs have an id like this` : "no run has such an id");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); void find(); }}>
      <Group gap="xs" align="flex-start"><TextInput placeholder="A part of a run's id" aria-label="Run to add" value={text} error={problem} onChange={(event) => setText(event.currentTarget.value)} /><Button type="submit" variant="default" disabled={!text.trim()}>Add</Button></Group>
    </form>
  );
}

/** Other runs of the same workflow, to compare one run with. */
function Candidates({ run, add }: { run: string; add: (run: string) => void }) {
  const now = useNow(10_000);
  const found = useQuery({
    queryKey: ["candidates", run],
    queryFn: async () => {
      const { workflow } = await get<{ workflow: string }>(`/runs/${part(run)}`);
      return (await get<Runs>("/runs", { workflow, limit: 30 })).runs.filter((one) => one.run !== run);
    },
  });
  if (found.isPending) return <Loading what="other runs" />;
  if (found.isError) return <Failed error={found.error} />;
  if (!found.data.length) return <div className="panel"><Empty title="This workflow has no other run">Add a run of another one by its id.</Empty></div>;
  return (
    <div className="panel" style={{ padding: 16 }}>
      <Text size="sm" mb="sm">Compare <RunLink run={run} /> with</Text>
      {found.data.map((one) => (
        <Group key={one.run} gap="md" py={5} wrap="nowrap">
          <Button size="compact-sm" variant="default" onClick={() => add(one.run)} aria-label={`Compare with run ${shortId(one.run)}`}>Choose</Button>
          <div style={{ width: 110 }}><StateWord state={one.state} /></div><RunLink run={one.run} /><Text size="sm" c="dimmed" className="cut">{one.launched_as ?? functionName(one.workflow)}, {duration(one.duration_s)}, {ago(one.submitted_at, now)} by {one.user}</Text>
        </Group>
      ))}
    </div>
  );
}

const text = (value: unknown): string => (value === null || value === undefined ? "–" : typeof value === "string" ? value : typeof value === "object" && "artifact" in value ? `${String((value as { type?: string }).type)} ${String((value as { artifact: string }).artifact).slice(0, 12)}` : JSON.stringify(value));

function Row({ name, cells, differs }: { name: ReactNode; cells: ReactNode[]; differs: boolean }) {
  return (
    <Table.Tr className={differs ? "diff" : undefined}>
      <Table.Th scope="row" fw={500} style={{ verticalAlign: "top" }}>{name}</Table.Th>
      {cells.map((cell, index) => <Table.Td key={index} style={{ verticalAlign: "top", overflowWrap: "anywhere" }}>{cell}</Table.Td>)}
    </Table.Tr>
  );
}

function Section({ title, columns, children }: { title: string; columns: number; children: ReactNode }) {
  return <Table.Tbody><Table.Tr><Table.Th colSpan={columns + 1} scope="rowgroup" style={{ paddingTop: 18 }}>{title}</Table.Th></Table.Tr>{children}</Table.Tbody>;
}

function Shown({ compared, results, remove }: { compared: Comparison; results: Result[] | undefined; remove: (run: string) => void }) {
  const { runs, inputs, operators } = compared;
  const differing = (cells: unknown[]): boolean => new Set(cells.map((cell) => JSON.stringify(cell))).size > 1;
  const facts: [string, string[]][] = [
    ["Workflow", runs.map((run) => run.launched_as ?? run.workflow)],
    ["Code and plan", runs.map((run) => run.plan.slice(0, 12))],
    ["Submitted", runs.map((run) => moment(run.submitted_at))],
    ["By", runs.map((run) => run.user)],
    ["Labels", runs.map((run) => Object.entries(run.labels).map(([name, value]) => `${name}: ${value}`).join(", ") || "–")],
    ["Nodes", runs.map((run) => String(run.nodes))],
    ["Retries", runs.map((run) => String(run.retries))],
  ];
  const numbers = (results ?? []).map((result) => numbersOf(result.outputs));
  const names = [...new Set(numbers.flatMap((one) => Object.keys(one)))];
  return (
    <Box className="panel" style={{ overflowX: "auto" }}>
      <Table miw={260 + 220 * runs.length} aria-label="Comparison" layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={220}><span className="visually-hidden">What</span></Table.Th>
            {runs.map((run, index) => (
              <Table.Th key={run.run}>
                <Group justify="space-between" wrap="nowrap" gap={4}><span><RunLink run={run.run} />{index === 0 && <Text span size="xs" c="dimmed"> first</Text>}</span><Anchor component="button" type="button" onClick={() => remove(run.run)} aria-label={`Remove run ${shortId(run.run)}`} c="dimmed"><X size={14} /></Anchor></Group>
                <StateWord state={run.state} />
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Section title="Result" columns={runs.length}>
          <Row name="Duration" differs={false} cells={runs.map((run, index) => <Changed key={run.run} value={run.duration_s} first={index ? runs[0].duration_s : null} shown={duration} />)} />
          {names.map((name) => <Row key={name} name={<span className="mono">{name}</span>} differs={differing(numbers.map((one) => one[name]))} cells={numbers.map((one, index) => <Changed key={index} value={one[name] ?? null} first={index ? (numbers[0][name] ?? null) : null} shown={figure} />)} />)}
        </Section>
        <Section title="Inputs" columns={runs.length}>
          {inputs.length === 0 && <Row name="None" cells={runs.map(() => "")} differs={false} />}
          {[...inputs].sort((one, other) => Number(other.differs) - Number(one.differs)).map((input) => <Row key={input.name} name={<span className="mono">{input.name}</span>} differs={input.differs} cells={input.values.map((value, index) => <Text key={index} size="sm" lineClamp={4} title={text(value)}>{text(value)}</Text>)} />)}
        </Section>
        <Section title="Run" columns={runs.length}>{facts.map(([name, cells]) => <Row key={name} name={name} cells={cells} differs={name !== "Submitted" && differing(cells)} />)}</Section>
        <Section title="Median duration by operator" columns={runs.length}>{operators.map((one) => <Operator key={one.operator} of={one} />)}</Section>
      </Table>
    </Box>
  );
}

function Operator({ of }: { of: ComparedOperator }) {
  const first = of.runs[0]?.p50_s ?? null;
  return <Row name={<span className="mono" title={of.operator}>{functionName(of.operator)}</span>} differs={false} cells={of.runs.map((one, index) => (one ? <span key={index}><Changed value={one.p50_s} first={index ? first : null} shown={duration} /> <Text span size="xs" c="dimmed">× {one.nodes}</Text></span> : "–"))} />;
}

function Changed({ value, first, shown }: { value: number | null; first: number | null; shown: (value: number) => string }) {
  if (value === null) return <>–</>;
  const change = first === null ? "" : changeOf(first, value);
  return <span style={{ fontVariantNumeric: "tabular-nums" }}>{shown(value)}{change && <Text span size="xs" c="dimmed"> {change}</Text>}</span>;
}
