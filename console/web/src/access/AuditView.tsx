import { Select, Stack, Table, Text, Tooltip } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { Audit } from "../api/types";
import { ago, moment } from "../ui/format";
import { textOf } from "../ui/links";
import { More, useAddress } from "../ui/lists";
import { Empty, Failed, Loading, useNow } from "../ui/pieces";

const WHAT = { denied: "denied", signed_in: "signed in", token_created: "token created", token_revoked: "token revoked", member_set: "role changed", key_rotated: "key rotated" } as const;

export function AuditView() {
  const { search, change } = useAddress("/access");
  const now = useNow(10_000);
  const what = textOf(search.what) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["audit", what],
    queryFn: ({ pageParam, signal }) => get<Audit>("/audit", { what, after: pageParam, limit: 100 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const entries = found.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <Stack gap="sm">
      <Select w={220} aria-label="What happened" placeholder="Everything" clearable clearButtonProps={{ "aria-label": "Everything" }} data={Object.entries(WHAT).map(([value, label]) => ({ value, label }))} value={what || null} onChange={(value) => change({ what: value ?? "" })} />
      {found.isPending ? <Loading what="the audit" /> : found.isError ? <Failed error={found.error} /> : entries.length === 0 ? <div className="panel"><Empty title="Nothing of this kind happened" /></div> : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={760} aria-label="Audit, newest first">
            <Table.Thead><Table.Tr><Table.Th w={130}>When</Table.Th><Table.Th w={140}>What</Table.Th><Table.Th>Who</Table.Th><Table.Th>Asked for</Table.Th><Table.Th>Detail</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {entries.map((one, index) => (
                <Table.Tr key={`${one.at} ${index}`}>
                  <Table.Td><Tooltip label={moment(one.at)}><Text size="sm">{ago(one.at, now)}</Text></Tooltip></Table.Td>
                  <Table.Td><Text size="sm" fw={one.what === "denied" ? 650 : 400} style={{ color: one.what === "denied" ? "var(--mantine-color-error)" : undefined }}>{WHAT[one.what as keyof typeof WHAT] ?? one.what}</Text></Table.Td>
                  <Table.Td maw={220}><Text size="sm" className="cut mono" title={one.subject ?? ""}>{one.subject ?? "unknown"}</Text></Table.Td>
                  <Table.Td maw={240}><Text size="sm" className="cut" title={`${one.service} ${one.action}`}>{one.action || "–"}</Text>{one.team && <Text size="xs" c="dimmed">team {one.team}</Text>}</Table.Td>
                  <Table.Td maw={280}><Text size="sm" className="cut" title={one.detail}>{one.detail}</Text></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <More of={found}>Show older entries</More>
    </Stack>
  );
}
