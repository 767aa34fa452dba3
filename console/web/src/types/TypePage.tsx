import { Anchor, Group, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { get, part } from "../api/client";
import type { TypeField, TypeVersion, TypeVersions } from "../api/types";
import { ago, className, moment } from "../ui/format";
import { Failed, Loading, Page, useNow } from "../ui/pieces";

export function TypePage() {
  const { name } = useParams({ strict: false }) as { name: string };
  const now = useNow(30_000);
  const found = useQuery({ queryKey: ["type", name], queryFn: ({ signal }) => get<TypeVersions>(`/types/${part(name)}`, {}, signal) });
  const title = className(name);
  if (found.isPending) return <Page title={title}><Loading what="the type" /></Page>;
  if (found.isError) return <Page title={title}><Failed error={found.error} retry={() => void found.refetch()} /></Page>;
  const versions = found.data.versions;
  return (
    <Page title={title} subtitle={<span className="mono">{name}</span>}>
      {versions.map((one, index) => <VersionView key={one.version} one={one} before={versions[index + 1]} now={now} />)}
    </Page>
  );
}

/** What a field is against the version before; empty where nothing changed, or nothing is known. */
function change(field: TypeField, before: TypeVersion | undefined): string {
  const earlier = before?.fields.find((one) => one.name === field.name);
  if (!before) return "";
  if (!earlier) return "new";
  if (earlier.type !== field.type) return `was ${earlier.type}`;
  return earlier.required === field.required ? "" : field.required ? "was optional" : "was required";
}

function VersionView({ one, before, now }: { one: TypeVersion; before?: TypeVersion; now: number }) {
  const gone = before?.fields.filter((field) => !one.fields.some((each) => each.name === field.name)) ?? [];
  return (
    <section className="panel" style={{ padding: 16 }}>
      <Group justify="space-between" mb="xs">
        <Text fw={600} component="h2" m={0}>Version {one.version}</Text>
        <Text size="sm" c="dimmed" title={moment(one.published_at)}>{ago(one.published_at, now)}, with <Anchor component={Link} to={`/workflows/${one.workflow.split("@")[0]}` as string} inherit underline="always">{one.workflow}</Anchor></Text>
      </Group>
      <div className="two-columns">
        <div style={{ overflowX: "auto" }}>
          <Table aria-label={`Fields of version ${one.version}`}>
            <Table.Thead><Table.Tr><Table.Th>Field</Table.Th><Table.Th>Type</Table.Th><Table.Th><span className="visually-hidden">Change</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {one.fields.map((field) => <Table.Tr key={field.name} className={change(field, before) ? "diff" : ""}><Table.Td><span className="mono">{field.name}</span></Table.Td><Table.Td><span className="mono">{field.type}</span>{!field.required && <Text span size="xs" c="dimmed"> optional</Text>}</Table.Td><Table.Td><Text size="xs">{change(field, before)}</Text></Table.Td></Table.Tr>)}
              {gone.map((field) => <Table.Tr key={field.name} className="diff"><Table.Td><s className="mono">{field.name}</s></Table.Td><Table.Td><s className="mono">{field.type}</s></Table.Td><Table.Td><Text size="xs">removed</Text></Table.Td></Table.Tr>)}
            </Table.Tbody>
          </Table>
        </div>
        <Stack gap={6}>
          <Text size="xs" c="dimmed">Workflows with it</Text>
          {one.used_by.length === 0 ? <Text size="sm" c="dimmed">None that you may see</Text> : one.used_by.map((use) => (
            <div key={use.name}>
              <Anchor component={Link} to={`/workflows/${use.name}` as string} size="sm">{use.name}@{use.version}</Anchor>
              <Text size="xs" c="dimmed">{[use.inputs.length ? `takes it as ${use.inputs.join(", ")}` : "", use.outputs.length ? `returns it as ${use.outputs.join(", ")}` : ""].filter(Boolean).join("; ")}</Text>
            </div>
          ))}
        </Stack>
      </div>
    </section>
  );
}
