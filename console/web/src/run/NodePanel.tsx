import { ActionIcon, Anchor, Group, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Download, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { ApiError, get, part } from "../api/client";
import type { Arguments, Attempt, Attempts, ChildRuns, Node, Run, Value, Values, Wait } from "../api/types";
import { bytes, clock, duration, moment } from "../ui/format";
import { Copied, Facts, Failed, Loading, NodeLink, RunLink } from "../ui/pieces";
import { StateWord } from "../ui/states";
import { LOOKS } from "../ui/theme";
import { Logs } from "./Logs";
import { itemOf } from "./store";
import { ShownValue } from "./Values";
import { Asked } from "./Waiting";

interface Props {
  run: Run;
  node: Node;
  /** The run whose results this one took over. */
  forkedFrom: string | null;
  /** What it waits for now, if nobody executes it. */
  wait: Wait | undefined;
  isOpen: boolean;
  close: () => void;
  select: (node: string) => void;
}

export function NodePanel({ run: of, node, forkedFrom, wait, isOpen, close, select }: Props) {
  const { run } = of;
  const [tab, setTab] = useState<string | null>(null);
  const item = itemOf(node.name);
  const reused = sourceOf(node, forkedFrom);
  const first = node.state === "failed" ? "attempts" : "values";
  // What is recorded changes with the state of the node: it is asked for again then.
  const key = [node.name, node.state, node.attempts];
  const shown = useQuery({ queryKey: ["of-run", run, "arguments", ...key], queryFn: ({ signal }) => get<Arguments>(`/runs/${part(run)}/nodes/${part(node.name)}/arguments`, {}, signal) });
  const attempts = useQuery({ queryKey: ["of-run", run, "attempts", ...key], queryFn: ({ signal }) => get<Attempts>(`/runs/${part(run)}/nodes/${part(node.name)}/attempts`, {}, signal) });
  const values = useQuery({
    queryKey: ["of-run", run, "values", ...key],
    queryFn: ({ signal }) => get<Values>(`/runs/${part(run)}/nodes/${part(node.name)}/values`, { preview: true }, signal),
    enabled: node.state === "succeeded",
    retry: (_, error) => !(error instanceof ApiError && error.status === 404),
  });
  return (
    <section className="panel" aria-label={`Node ${node.name}`} style={{ minWidth: 0, padding: 14 }}>
      <Group justify="space-between" wrap="nowrap" gap="xs" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Group gap={4} wrap="nowrap"><Text fw={650} fz={17} component="h2" m={0} className="cut" title={node.name}>{node.name}</Text><Copied text={node.name} what="name" /></Group>
          <Group gap="sm"><StateWord state={node.state} />{node.duration_s !== null && <Text size="sm" c="dimmed">{duration(node.duration_s)}</Text>}</Group>
        </div>
        <ActionIcon variant="subtle" color="gray" aria-label="Close the node" onClick={close}><X size={17} /></ActionIcon>
      </Group>
      <ChildRun run={run} node={node} />
      {wait && <div className="asked-node"><Asked run={of} wait={wait} /></div>}
      <Stack gap={0} mt="sm">
        <Facts of={[
          ...(item ? [["Item", <>{item.path.join(", ")} of <Anchor component="button" type="button" inherit onClick={() => select(item.of)}>{item.of}</Anchor></>] as [string, ReactNode]] : []),
          ["Operator", <span key="o" className="mono">{node.operator || node.kind}</span>],
          ["Called at", <span key="c" className="mono">{node.call || "–"}</span>],
          ...(reused ? [["Reused from", <Group key="r" gap={8}><NodeLink run={reused.run} node={reused.node} />{reused.at && <Text size="sm" c="dimmed">{moment(reused.at)}</Text>}</Group>] as [string, ReactNode]] : []),
          ...(node.worker ? [["Worker", node.worker] as [string, ReactNode]] : []),
          ...(node.started_at ? [["Started", moment(node.started_at)] as [string, ReactNode]] : []),
          ...(node.skipped_because ? [["Skipped", <>{node.skipped_because}{node.because_of && <> of <Anchor key="b" component="button" type="button" inherit onClick={() => select(node.because_of!)}>{node.because_of}</Anchor></>}</>] as [string, ReactNode]] : []),
          ...(node.uses.length ? [["Uses", <Group key="u" gap="2px 10px">{node.uses.slice(0, 8).map((one) => <Anchor key={one} component="button" type="button" inherit ta="left" style={{ overflowWrap: "anywhere" }} onClick={() => select(one)}>{one}</Anchor>)}{node.uses_count > 8 && <Text size="sm" c="dimmed">and {node.uses_count - 8} more</Text>}</Group>] as [string, ReactNode]] : []),
        ]} />
      </Stack>
      <Tabs value={tab ?? first} onChange={setTab} mt="sm" keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="values">Values</Tabs.Tab>
          <Tabs.Tab value="attempts">Attempts{node.attempts > 1 ? ` (${node.attempts})` : ""}</Tabs.Tab>
          <Tabs.Tab value="logs">Logs</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="values" pt="sm">
          {shown.isPending ? <Loading what="values" /> : shown.isError ? <Failed error={shown.error} retry={() => void shown.refetch()} /> : (
            <Stack gap="md">
              <Part title="Outputs">
                {node.state !== "succeeded" ? <Text size="sm" c="dimmed">None: the node is {LOOKS[node.state].word.toLowerCase()}.</Text> : values.isError ? <Failed error={values.error} /> : values.data?.values.length === 0 ? <Text size="sm" c="dimmed">None</Text> : values.data?.values.map((one) => (
                  <One key={one.name} name={one.name} note={`${one.type}, ${bytes(one.size_bytes)}`} href={`/v1/runs/${part(run)}/nodes/${part(node.name)}/values/${part(one.name)}`} value={shownOf(one)} />
                ))}
              </Part>
              <Part title="Arguments">
                {shown.data.arguments.length === 0 ? <Text size="sm" c="dimmed">None</Text> : shown.data.arguments.map((one) => <One key={one.name} name={one.name} note={String(one.value) === one.from ? "" : `from ${one.from}`} value={one.value} />)}
              </Part>
            </Stack>
          )}
        </Tabs.Panel>
        <Tabs.Panel value="attempts" pt="sm">
          {attempts.isPending ? <Loading what="attempts" /> : attempts.isError ? <Failed error={attempts.error} /> : attempts.data.attempts.length === 0 ? <Text size="sm" c="dimmed">It has not started.</Text> : (
            <Stack gap="sm">{[...attempts.data.attempts].reverse().map((one) => <AttemptView key={one.attempt} run={run} node={node.name} one={one} />)}</Stack>
          )}
        </Tabs.Panel>
        <Tabs.Panel value="logs" pt="sm"><Logs run={run} node={node.name} isOpen={isOpen} height={360} /></Tabs.Panel>
      </Tabs>
    </section>
  );
}

/** The run and node whose outputs it has: from the cache, or from the run that this one is a fork of. */
export function sourceOf(node: Node, forkedFrom: string | null): { run: string; node: string; at: string | null } | undefined {
  if (node.reused_from) return { run: node.reused_from.run, node: node.reused_from.node, at: new Date(node.reused_from.kept_at_us / 1000).toISOString() };
  return forkedFrom && node.state === "succeeded" && node.attempts === 0 ? { run: forkedFrom, node: node.name, at: null } : undefined;
}

/** The run that a node has started, if it starts runs. */
function ChildRun({ run, node }: { run: string; node: Node }) {
  const found = useQuery({ queryKey: ["of-run", run, "children", node.state, node.attempts], queryFn: ({ signal }) => get<ChildRuns>(`/runs/${part(run)}/children`, {}, signal), enabled: node.kind === "wait" && node.attempts > 0 });
  const child = found.data?.children.find((one) => one.node === node.name);
  if (!child) return null;
  return <Group gap="sm" mt="sm"><Text size="sm">Its run</Text><RunLink run={child.run} /><StateWord state={child.state} /></Group>;
}

/** A listed value in the form that previews of others have. */
export const shownOf = (one: Value): unknown => (one.artifact === null && one.codec === "json" ? one.json : { codec: one.codec, artifact: one.artifact, preview: one.preview });

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <div><Text fw={600} size="sm" mb={6} component="h3" m={0}>{title}</Text><Stack gap="sm">{children}</Stack></div>;
}

export function One({ name, note, href, value }: { name: string; note: string; href?: string; value: unknown }) {
  return (
    <div>
      <Group gap="xs" wrap="nowrap" mb={3}>
        <Text size="sm" className="mono" fw={600}>{name}</Text>
        <Text size="xs" c="dimmed" className="cut" title={note}>{note}</Text>
        {href && <Anchor href={href} download={name} size="xs" ml="auto" aria-label={`Download ${name}`}><Download size={14} aria-hidden /></Anchor>}
      </Group>
      <ShownValue value={value} />
    </div>
  );
}

function AttemptView({ run, node, one }: { run: string; node: string; one: Attempt }) {
  return (
    <div style={{ border: "1px solid var(--line)", borderRadius: 8, padding: 10 }}>
      <Group gap="sm">
        <Text fw={600} size="sm">Attempt {one.attempt}</Text><StateWord state={one.state} />
        <Text size="sm" c="dimmed">{duration(one.duration_s)}{one.started_at ? ` from ${clock(one.started_at)}` : ""}{one.worker ? ` on ${one.worker}` : ""}</Text>
        <Anchor size="xs" ml="auto" href={`/v1/runs/${part(run)}/nodes/${part(node)}/attempts/${one.attempt}/log`} download={`${node}-${one.attempt}.log`}>Log</Anchor>
      </Group>
      {one.cause && <Text size="sm" mt={4}>Cause: {one.cause}{one.retry_delay_s !== null ? `; retried after ${duration(one.retry_delay_s)}` : ""}</Text>}
      {one.failure && (
        <>
          <Text size="sm" fw={600} mt={4} style={{ overflowWrap: "anywhere", color: "var(--mantine-color-error)" }}>{one.failure.type}: {one.failure.message}</Text>
          {one.failure.traceback && (
            <div style={{ position: "relative" }}>
              <div style={{ position: "absolute", right: 4, top: 4 }}><Copied text={one.failure.traceback} what="traceback" /></div>
              <pre className="json" tabIndex={0} role="region" aria-label="Traceback" style={{ background: "var(--ground)", borderRadius: 6, padding: 10, marginTop: 6, whiteSpace: "pre", overflowX: "auto" }}>{one.failure.traceback}</pre>
            </div>
          )}
        </>
      )}
    </div>
  );
}
