import { Badge, Button, Group, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { get, part } from "../api/client";
import type { Runs, Versions, Workflow } from "../api/types";
import { ago, between, counted, duration, moment } from "../ui/format";
import { Empty, Failed, Loading, Page, RunLink, useNow } from "../ui/pieces";
import { StateWord } from "../ui/states";

const RUNS_SHOWN = 10;

export function WorkflowPage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const now = useNow(5_000);
  const workflow = useQuery({ queryKey: ["workflow", name], queryFn: ({ signal }) => get<Workflow>(`/workflows/${part(name)}`, {}, signal) });
  const versions = useQuery({ queryKey: ["versions", name], queryFn: ({ signal }) => get<Versions>(`/workflows/${part(name)}/versions`, { limit: 50 }, signal) });
  const runs = useQuery({ queryKey: ["runs-of", name], queryFn: ({ signal }) => get<Runs>("/runs", { name, limit: RUNS_SHOWN }, signal), refetchInterval: 3_000 });
  if (workflow.isPending || versions.isPending) return <Page title={name}><Loading what="the workflow" /></Page>;
  if (workflow.isError || versions.isError) return <Page title={name}><Failed error={workflow.error ?? versions.error} retry={() => void workflow.refetch()} /></Page>;
  const aliases = Object.entries(workflow.data.aliases);
  return (
    <Page title={name} subtitle={workflow.data.doc} actions={<Button component={Link} to={`/launch?workflow=${name}` as string} leftSection={<Play size={15} />}>Launch</Button>}>
      <section className="panel" style={{ overflowX: "auto" }}>
        <Table miw={640} aria-label="Versions">
          <Table.Thead><Table.Tr><Table.Th w={110}>Version</Table.Th><Table.Th w={220}>Deployed</Table.Th><Table.Th w={90}>Nodes</Table.Th><Table.Th>Changes of the inputs and outputs</Table.Th><Table.Th w={100}><span className="visually-hidden">Launch</span></Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {versions.data.versions.map((one) => (
              <Table.Tr key={one.version}>
                <Table.Td><Group gap={6}><Text fw={600} size="sm">{one.version}</Text>{aliases.filter(([, version]) => version === one.version).map(([alias]) => <span key={alias} className="label">{alias}</span>)}</Group></Table.Td>
                <Table.Td><Text size="sm" title={moment(one.published_at)}>{ago(one.published_at, now)} by {one.user}</Text></Table.Td>
                <Table.Td>{one.nodes}</Table.Td>
                <Table.Td>{one.changes.length === 0 ? <Text size="sm" c="dimmed">–</Text> : <Stack gap={2}>{one.changes.map((change) => <Text key={change.text} size="sm">{change.text} {change.incompatible && <Badge color="red.9" size="xs">incompatible</Badge>}</Text>)}</Stack>}</Table.Td>
                <Table.Td><Button component={Link} to={`/launch?workflow=${name}@${one.version}` as string} size="compact-sm" variant="default" aria-label={`Launch version ${one.version}`}>Launch</Button></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
      <section className="panel" style={{ padding: 16 }}>
        <Text fw={600} component="h2" m={0} mb="xs">Latest runs</Text>
        {runs.isPending ? <Loading what="runs" height={60} /> : runs.isError ? <Failed error={runs.error} /> : runs.data.runs.length === 0 ? <Empty title="It has not run yet" /> : (
          <Stack gap={6}>
            {runs.data.runs.map((run) => (
              <Group key={run.run} gap="md">
                <div style={{ width: 110 }}><StateWord state={run.state} /></div><RunLink run={run.run} /><Text size="sm">v{run.launched_as?.split("@")[1]}</Text>
                <Text size="sm" c="dimmed">{counted(run.nodes, "node")}, {duration(between(run.submitted_at, run.ended_at, now))}, {ago(run.submitted_at, now)} by {run.user}</Text>
              </Group>
            ))}
          </Stack>
        )}
      </section>
    </Page>
  );
}
