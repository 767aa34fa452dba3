import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Play, Search as SearchIcon } from "lucide-react";
import { useState } from "react";
import { get } from "../api/client";
import type { Workflows } from "../api/types";
import { ago } from "../ui/format";
import { textOf, type Search } from "../ui/links";
import { Empty, Failed, Loading, Page, useNow } from "../ui/pieces";

export function WorkflowsPage() {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const now = useNow(30_000);
  const query = textOf(search.q) ?? "";
  const [words, setWords] = useState(query);
  const later = useDebouncedCallback((q: string) => void navigate({ to: "/workflows" as string, search: { q } as never, replace: true }), 250);
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
      <TextInput maw={320} leftSection={<SearchIcon size={15} />} placeholder="Words of its name or description" aria-label="Find a workflow" value={words} onChange={(event) => { setWords(event.currentTarget.value); later(event.currentTarget.value); }} />
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
      {found.hasNextPage && <Group justify="center"><Button variant="default" onClick={() => void found.fetchNextPage()}>Show more</Button></Group>}
    </Page>
  );
}
