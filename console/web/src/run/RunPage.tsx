import { Alert, Button, Group, Stack, Tabs, Text } from "@mantine/core";
import { useViewportSize } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Pause, Unplug } from "lucide-react";
import { useCallback, useEffect, useState, type ReactNode } from "react";
import { get, part } from "../api/client";
import type { Events, Inputs, Result, Run, Wait, Why } from "../api/types";
import { between, clock, count, counted, duration, functionName, moment, shortId } from "../ui/format";
import { listOf, textOf, type Search } from "../ui/links";
import { Copied, Facts, Failed, Loading, Page, RunLink, useNow } from "../ui/pieces";
import { StateBar, StateWord } from "../ui/states";
import type { State } from "../ui/theme";
import { Actions } from "./Actions";
import { GraphTab, layoutOf } from "./GraphTab";
import { Items } from "./Items";
import { Logs } from "./Logs";
import { NodePanel, One, shownOf } from "./NodePanel";
import { NodesTable } from "./NodesTable";
import type { NodeCounts } from "./store";
import { Timeline } from "./Timeline";
import { isEnded, useNode, useRun, type Live } from "./useRun";
import { useWaits } from "./useWaits";
import { isAsked, WaitingBox } from "./Waiting";

const TABS = ["graph", "nodes", "timeline", "logs", "values", "events"] as const;
const WORDS: Record<(typeof TABS)[number], string> = { graph: "Graph", nodes: "Nodes", timeline: "Timeline", logs: "Logs", values: "Inputs and outputs", events: "Events" };
const WHY_EVERY_MS = 3_000;

export function RunPage() {
  const { run: id } = useParams({ strict: false }) as { run: string };
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const { run, live, state, isConnected, error, retry, need } = useRun(id);
  const { height: viewport, width } = useViewportSize();
  const height = Math.max(360, viewport - (state === "failed" ? 350 : state && isEnded(state) ? 265 : 310));
  const change = useCallback((changed: Record<string, string | string[]>) => void navigate({ to: `/runs/${id}` as string, search: ((old: Search) => ({ ...old, ...changed })) as never, replace: true, resetScroll: false }), [navigate, id]);
  const select = useCallback((node: string | undefined) => change({ node: node ?? "" }), [change]);
  const tab = textOf(search.tab) ?? "graph";
  const selected = textOf(search.node);
  const node = useNode(id, selected, live);
  const waits = useWaits(id, live);
  const mode = textOf(search.boxes);
  const opened = listOf(search.open);
  // The graph is laid out while the states are read: a large run is there sooner.
  useQuery({ ...layoutOf(run?.plan ?? "", mode !== "nodes", opened), enabled: run !== undefined && tab === "graph" && mode !== "nodes" });

  if (error && !run) return <Page title="Run"><Failed error={error} retry={retry} /></Page>;
  if (!run || !live || !state) return <Page title="Run"><Loading what="the run" /></Page>;
  const isOpen = !isEnded(state);
  const isSplit = node !== undefined && width >= 1100;
  const body = (
    <Tabs value={tab} onChange={(value) => change({ tab: value ?? "graph" })} keepMounted={false}>
      <Tabs.List mb="sm">{TABS.map((name) => <Tabs.Tab key={name} value={name}>{WORDS[name]}</Tabs.Tab>)}</Tabs.List>
      <Tabs.Panel value="graph"><GraphTab run={id} plan={run.plan} live={live} need={need} waits={waits} selected={selected} select={select} mode={mode} opened={opened} change={change} height={height} /></Tabs.Panel>
      <Tabs.Panel value="nodes"><NodesTable run={id} live={live} states={listOf(search.node_state)} words={textOf(search.q) ?? ""} order={textOf(search.order) ?? "plan"} change={change} selected={selected} select={select} height={height - 60} /></Tabs.Panel>
      <Tabs.Panel value="timeline"><Timeline run={run} live={live} rows={textOf(search.rows)} operator={textOf(search.operator)} change={change} select={select} selected={selected} height={height - 70} /></Tabs.Panel>
      <Tabs.Panel value="logs"><Logs run={id} node={textOf(search.log_of) ?? ""} setNode={(name) => change({ log_of: name })} isOpen={isOpen} height={height - 50} /></Tabs.Panel>
      <Tabs.Panel value="values"><ValuesTab run={id} state={state} /></Tabs.Panel>
      <Tabs.Panel value="events"><EventsTab run={id} state={state} live={live} need={need} /></Tabs.Panel>
    </Tabs>
  );
  return (
    <Page title={run.launched_as ?? functionName(run.workflow)} subtitle={<Head run={run} state={state} live={live} />} actions={<Actions run={run} state={state} isPaused={live.isPaused} refresh={retry} selected={selected} />}>
      {!isConnected && <Alert color="orange" variant="outline" icon={<Unplug size={18} />} role="status">The gateway does not respond. What is shown may be old; it goes on as soon as the gateway is back.</Alert>}
      <Progress counts={live.nodes.counts()} size={live.nodes.size} />
      {state === "failed" && <FailureBox run={id} select={select} />}
      {waits.length > 0 && <WaitingBox run={run} waits={waits} select={select} />}
      {isOpen && <WhyBox run={id} waits={waits} />}
      <div style={{ display: "grid", gridTemplateColumns: isSplit ? "minmax(0, 1fr) minmax(380px, 34%)" : "minmax(0, 1fr)", gap: 16, alignItems: "start" }}>
        <div style={{ minWidth: 0 }}>{body}</div>
        {node && (node.state === "mapped"
          ? <Items key={node.name} run={id} node={node} live={live} close={() => select(undefined)} select={select} height={Math.max(240, height - 120)} />
          : <NodePanel key={node.name} run={run} node={node} forkedFrom={live.forkedFrom} wait={waits.find((one) => one.index === node.index)} isOpen={isOpen} close={() => select(undefined)} select={select} />)}
      </div>
    </Page>
  );
}

function Head({ run, state, live }: { run: Run; state: State; live: Live }) {
  const now = useNow(1_000);
  return (
    <Group gap="md" mt={4}>
      <StateWord state={state} />
      {live.isPaused && <span className="state"><Pause size={14} strokeWidth={2.6} aria-hidden /> Paused</span>}
      <span>{duration(between(run.submitted_at, isEnded(state) ? run.ended_at : null, now))}</span>
      <span title={run.submitted_at}>{moment(run.submitted_at)}</span>
      <span className="cut" style={{ maxWidth: 240 }}>by {run.user}</span>
      <Group gap={2} component="span"><span className="mono">{shortId(run.run)}</span><Copied text={run.run} what="run id" /></Group>
      {live.parent && <span>started by <RunLink run={live.parent} /></span>}
      {live.forkedFrom && <span>forked from <RunLink run={live.forkedFrom} /></span>}
      {run.team && <span className="label">{run.team}</span>}
      {Object.entries(run.labels).map(([name, value]) => <span key={name} className="label cut" title={`${name}: ${value}`}>{name}: {value}</span>)}
    </Group>
  );
}

function Progress({ counts, size }: { counts: NodeCounts; size: number }) {
  return (
    <Group gap="md" wrap="nowrap">
      <div style={{ flex: 1 }}><StateBar counts={counts} /></div>
      <Text size="sm" c="dimmed" style={{ whiteSpace: "nowrap" }}>{count(counts.succeeded)} of {counted(size, "node")}{counts.failed ? `, ${counts.failed} failed` : ""}</Text>
    </Group>
  );
}

function FailureBox({ run, select }: { run: string; select: (node: string) => void }) {
  const result = useQuery({ queryKey: ["of-run", run, "result"], queryFn: () => get<Result>(`/runs/${part(run)}/result`) });
  const failure = result.data?.failure;
  if (!failure) return null;
  return (
    <Alert color="red" variant="outline" role="alert" title={<span>Node <button type="button" onClick={() => select(failure.node)} style={{ all: "unset", cursor: "pointer", textDecoration: "underline" }}>{failure.node}</button> failed</span>}>
      <Text size="sm" className="mono" style={{ overflowWrap: "anywhere", maxHeight: 90, overflow: "auto" }}>{failure.type ? `${failure.type}: ${failure.message}` : failure.message || failure.cause}</Text>
    </Alert>
  );
}

/** Why the run does not go on, but for what the box of waits says already. */
function WhyBox({ run, waits: asked }: { run: string; waits: readonly Wait[] }) {
  const why = useQuery({ queryKey: ["why", run], queryFn: ({ signal }) => get<Why>(`/runs/${part(run)}/why`, {}, signal), refetchInterval: WHY_EVERY_MS });
  const said = new Set(asked.filter(isAsked).map((one) => one.node));
  const waits = (why.data?.waits ?? []).filter((one) => !said.has(one.node));
  if (!waits.length) return null;
  const texts = new Map<string, string[]>();
  for (const { node, text } of waits) texts.set(text, [...(texts.get(text) ?? []), node]);
  return (
    <details className="panel" style={{ padding: "8px 14px" }}>
      <summary style={{ cursor: "pointer", fontSize: 14 }}>Now: {[...texts][0][0]}{texts.size > 1 ? ` (and ${texts.size - 1} more)` : ""}</summary>
      <ul style={{ margin: "8px 0 4px", paddingLeft: 20, fontSize: 13.5 }}>
        {[...texts].slice(0, 30).map(([text, names]) => <li key={text}><b>{names.slice(0, 3).join(", ")}{names.length > 3 ? ` and ${names.length - 3} more` : ""}</b>: {text}</li>)}
      </ul>
    </details>
  );
}

function ValuesTab({ run, state }: { run: string; state: string }) {
  const inputs = useQuery({ queryKey: ["of-run", run, "inputs"], queryFn: ({ signal }) => get<Inputs>(`/runs/${part(run)}/inputs`, { preview: true }, signal), staleTime: Infinity });
  const result = useQuery({ queryKey: ["of-run", run, "result", "preview", state], queryFn: ({ signal }) => get<Result>(`/runs/${part(run)}/result`, { preview: true }, signal) });
  if (inputs.isPending || result.isPending) return <Loading what="values" />;
  if (inputs.isError || result.isError) return <Failed error={inputs.error ?? result.error} retry={() => void Promise.all([inputs.refetch(), result.refetch()])} />;
  const list = (title: string, values: Record<string, unknown> | null, none: string): ReactNode => (
    <section className="panel" style={{ padding: 16, minWidth: 0 }}>
      <Text fw={600} component="h2" m={0} mb="sm">{title}</Text>
      <Stack gap="md">{values && Object.keys(values).length ? Object.entries(values).map(([name, value]) => <One key={name} name={name} note="" value={value} />) : <Text size="sm" c="dimmed">{none}</Text>}</Stack>
    </section>
  );
  return (
    <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(min(420px, 100%), 1fr))", gap: 16, alignItems: "start" }}>
      {list("Outputs", result.data.outputs, state === "succeeded" ? "This workflow has no outputs." : `None: the run is ${state}.`)}
      {list("Inputs", Object.fromEntries(inputs.data.values.map((one) => [one.name, shownOf(one)])), "This workflow takes no inputs.")}
    </div>
  );
}

const EVENTS_PAGE = 200;

function EventsTab({ run, state, live, need }: { run: string; state: string; live: Live; need: (indexes: Iterable<number>) => void }) {
  const [after, setAfter] = useState<number[]>([0]);
  const page = useQuery({ queryKey: ["of-run", run, "events", after.at(-1), state], queryFn: ({ signal }) => get<Events>(`/runs/${part(run)}/events`, { limit: EVENTS_PAGE, after: after.at(-1) }, signal) });
  const events = page.data?.events;
  useEffect(() => need((events ?? []).flatMap(({ node }) => (typeof node === "number" && node >= 0 ? [node] : []))), [events, need]);
  const nodeText = (node: unknown): string => (typeof node === "number" ? (live.nodes.details.get(node)?.name ?? `node ${node}`) : typeof node === "string" ? node : "");
  if (page.isPending) return <Loading what="events" />;
  if (page.isError) return <Failed error={page.error} retry={() => void page.refetch()} />;
  return (
    <div className="panel" style={{ padding: 12 }}>
      <Stack gap={0}>
        {page.data.events.map((event) => {
          const { shard: _, seq, run: __, recorded_at_us: at, kind, ...rest } = event as Record<string, unknown> & { seq: number; recorded_at_us: number; kind: string };
          return (
            <details key={seq} style={{ borderBottom: "1px solid var(--line)", padding: "5px 4px" }}>
              <summary style={{ cursor: "pointer", fontSize: 13.5 }}><span className="mono" style={{ color: "var(--soft)" }}>{clock(new Date(at / 1000).toISOString())} #{seq}</span> <b>{kind.replaceAll("_", " ")}</b> {typeof rest.name === "string" ? rest.name : nodeText(rest.node)}</summary>
              <Facts of={Object.entries(rest).map(([name, value]) => [name, <span key={name} className="mono">{typeof value === "string" ? value : JSON.stringify(value)}</span>])} />
            </details>
          );
        })}
      </Stack>
      <Group mt="sm">
        {after.length > 1 && <Button size="xs" variant="default" onClick={() => setAfter((old) => old.slice(0, -1))}>Earlier</Button>}
        {page.data.next !== null && <Button size="xs" variant="default" onClick={() => setAfter((old) => [...old, page.data.next!])}>Later</Button>}
      </Group>
    </div>
  );
}
