import { Button, Group, Stack, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { get } from "../api/client";
import type { Workflows } from "../api/types";
import { ago } from "../ui/format";
import { textOf } from "../ui/links";
import { More, SearchField, useAddress } from "../ui/lists";
import { Empty, Failed, Loading, Page, useNow } from "../ui/pieces";

const PATH = "/workflows";

export function WorkflowsPage() {
  const { search } = useAddress(PATH);
  const now = useNow(30_000);
  const query = textOf(search.q) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["workflow-list", query],
    queryFn: ({ pageParam, signal }) => get<Workflows>("/workflows", { q: query, after: pageParam, limit: 100 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const workflows = found.data?.pages.flatMap((page) => page.workflows) ?? [];
  return (
    <Page title="Workflows">
      <SearchField path={PATH} label="Find a workflow" placeholder="Words of its name or description" />
      {found.isPending ? <Loading what="workflows" /> : found.isError ? <Failed error={found.error} retry={() => void found.refetch()} /> : workflows.length === 0 ? (
        <div className="panel">{query ? <Empty title={`No workflow matches “${query}”`} /> : <Empty title="No workflow is deployed yet">A deployed workflow has a name, by which everybody can launch it: <span className="mono">penstock deploy FILE.py --team TEAM</span></Empty>}</div>
      ) : (
        <Stack gap={0} className="panel">
          {workflows.map((one, index) => (
            <Group key={one.name} px="md" py={10} wrap="nowrap" justify="space-between" style={{ borderTop: index ? "1px solid var(--line)" : undefined }}>
              <div style={{ minWidth: 0 }}>
                <Group gap="xs" wrap="nowrap">
                  <Link to={`/workflows/${one.name}` as string} className="plain cut"><Text fw={600} size="sm" className="cut" title={one.name}>{one.name}</Text></Link>
                  <span className="label">v{one.latest}</span>
                  {Object.entries(one.aliases).map(([alias, version]) => <span key={alias} className="label cut">{alias} → {version}</span>)}
                </Group>
                <Text size="sm" c="dimmed" className="cut" title={one.doc}>{one.doc || "No description"}</Text>
              </div>
              <Group gap="md" wrap="nowrap">
                <Text size="xs" c="dimmed" visibleFrom="sm" style={{ whiteSpace: "nowrap" }}>{one.team}{one.team ? ", " : ""}{ago(one.updated_at, now)}</Text>
                <Button component={Link} to={`/launch?workflow=${one.name}` as string} size="xs" variant="default" leftSection={<Play size={13} />} aria-label={`Launch ${one.name}`}>Launch</Button>
              </Group>
            </Group>
          ))}
        </Stack>
      )}
      <More of={found} />
    </Page>
  );
}
