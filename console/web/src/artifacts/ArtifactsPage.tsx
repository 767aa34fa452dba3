import { Box, Group, Table, Text, Tooltip } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { get } from "../api/client";
import type { Artifact, Artifacts } from "../api/types";
import { ago, bytes, className, functionName, moment } from "../ui/format";
import { textOf } from "../ui/links";
import { FilterChips, More, SearchField, useAddress } from "../ui/lists";
import { Empty, Failed, Loading, Page, RunLink, useNow } from "../ui/pieces";

const PATH = "/artifacts";
const FILTERS = ["type", "workflow", "operator", "team", "run"] as const;
const HASH = /^(?:[0-9a-f]{2}){4,32}$/;

export function ArtifactsPage() {
  const { search, change } = useAddress(PATH);
  const now = useNow(30_000);
  const words = textOf(search.q) ?? "";
  const filters = { ...Object.fromEntries(FILTERS.map((name) => [name, textOf(search[name])])), ...(HASH.test(words) ? { artifact: words } : { q: words }) };
  const found = useInfiniteQuery({
    queryKey: ["artifacts", filters],
    queryFn: ({ pageParam, signal }) => get<Artifacts>("/artifacts", { ...filters, after: pageParam, limit: 100 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const artifacts = found.data?.pages.flatMap((page) => page.artifacts) ?? [];
  const isFiltered = Object.values(filters).some(Boolean);
  return (
    <Page title="Artifacts" subtitle="What runs made and were given: tables, arrays, models, files.">
      <Group gap="sm">
        <SearchField path={PATH} label="Find artifacts" placeholder="Part of a type, operator or workflow; a hash" width={400} />
        <FilterChips path={PATH} names={FILTERS} />
      </Group>
      {found.isPending ? <Loading what="artifacts" /> : found.isError ? <Failed error={found.error} retry={() => void found.refetch()} /> : artifacts.length === 0 ? (
        <div className="panel">{isFiltered ? <Empty title="No artifact matches" /> : <Empty title="No run has made an artifact yet">A value that is not small JSON is an artifact: a table, an array, a model, a file. Of runs before this version there are some after <span className="mono">penstock rebuild-history</span>.</Empty>}</div>
      ) : (
        <Box className="panel" style={{ overflowX: "auto" }}>
          <Table miw={760} aria-label="Artifacts, the latest first">
            <Table.Thead><Table.Tr><Table.Th>Artifact</Table.Th><Table.Th w={110}>Size</Table.Th><Table.Th>Made by</Table.Th><Table.Th w={150}>Run</Table.Th><Table.Th w={130}>Recorded</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{artifacts.map((one) => <Row key={`${one.run} ${one.node} ${one.port} ${one.artifact}`} one={one} now={now} filter={change} />)}</Table.Tbody>
          </Table>
        </Box>
      )}
      <More of={found}>Show older artifacts</More>
    </Page>
  );
}

function Row({ one, now, filter }: { one: Artifact; now: number; filter: (changed: Record<string, string>) => void }) {
  const navigate = useNavigate();
  const to = `/artifacts/${one.artifact}`;
  const narrow = (name: string, value: string, shown: string) => (
    <button type="button" className="quiet cut" title={`Only ${name} ${value}`} onClick={() => filter({ [name]: value })}>{shown}</button>
  );
  return (
    <Table.Tr
      className="row-link"
      onClick={(event) => {
        if (!(event.target as HTMLElement).closest("a, button")) void navigate({ to: to as string });
      }}
    >
      <Table.Td maw={320}>
        <Link to={to as string} className="plain"><Text fw={600} size="sm" className="cut" title={`${one.node ?? "input"}.${one.port}`}>{one.node === null ? one.port : `${one.node}.${one.port}`}</Text></Link>
        <Group gap={6} wrap="nowrap" style={{ overflow: "hidden" }}><Text span size="xs" c="dimmed" className="mono">{one.artifact.slice(0, 12)}</Text>{narrow("type", one.type, className(one.type))}</Group>
      </Table.Td>
      <Table.Td style={{ fontVariantNumeric: "tabular-nums" }}>{bytes(one.size_bytes)}</Table.Td>
      <Table.Td maw={260}>
        <Text size="sm" component="div" className="cut">{one.operator ? narrow("operator", one.operator, functionName(one.operator)) : one.node ?? "given as an input"}</Text>
        <Group gap={6} wrap="nowrap" style={{ overflow: "hidden" }}>{narrow("workflow", one.workflow, functionName(one.workflow))}{one.team && narrow("team", one.team, one.team)}</Group>
      </Table.Td>
      <Table.Td><RunLink run={one.run} /></Table.Td>
      <Table.Td><Tooltip label={moment(one.recorded_at)}><Text size="sm">{ago(one.recorded_at, now)}</Text></Tooltip></Table.Td>
    </Table.Tr>
  );
}
