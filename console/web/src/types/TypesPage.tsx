import { Group, Stack, Text } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { get, part } from "../api/client";
import type { NamedTypes } from "../api/types";
import { ago, className } from "../ui/format";
import { textOf } from "../ui/links";
import { More, SearchField, useAddress } from "../ui/lists";
import { Empty, Failed, Loading, Page, useNow } from "../ui/pieces";

const PATH = "/types";

export function TypesPage() {
  const { search } = useAddress(PATH);
  const now = useNow(30_000);
  const q = textOf(search.q) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["types", q],
    queryFn: ({ pageParam, signal }) => get<NamedTypes>("/types", { q, after: pageParam, limit: 100 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const types = found.data?.pages.flatMap((page) => page.types) ?? [];
  return (
    <Page title="Types" subtitle="Classes that deployed workflows take or return.">
      <SearchField path={PATH} label="Find a type" placeholder="Words of its name" />
      {found.isPending ? <Loading what="types" /> : found.isError ? <Failed error={found.error} retry={() => void found.refetch()} /> : types.length === 0 ? (
        <div className="panel">{q ? <Empty title={`No type matches “${q}”`} /> : <Empty title="No type is registered yet">A dataclass or a model that a workflow takes or returns is registered with it: <span className="mono">penstock deploy FILE.py --team TEAM</span></Empty>}</div>
      ) : (
        <Stack gap={0} className="panel">
          {types.map((one, index) => (
            <Group key={one.name} px="md" py={10} wrap="nowrap" justify="space-between" style={{ borderTop: index ? "1px solid var(--line)" : undefined }}>
              <div style={{ minWidth: 0 }}>
                <Group gap="xs" wrap="nowrap"><Link to={`/types/${part(one.name)}` as string} className="plain cut"><Text fw={600} size="sm" className="cut" title={one.name}>{className(one.name)}</Text></Link><span className="label">v{one.latest}</span></Group>
                <Text size="sm" c="dimmed" className="cut mono" title={one.name}>{one.name}</Text>
              </div>
              <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>{ago(one.updated_at, now)}</Text>
            </Group>
          ))}
        </Stack>
      )}
      <More of={found} />
    </Page>
  );
}
