import { Alert, Button, Group, Modal, MultiSelect, NumberInput, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";
import { get, part, post } from "../api/client";
import type { ApiToken, CreateToken, NewToken, Session, Tokens } from "../api/types";
import { ago, moment } from "../ui/format";
import { More } from "../ui/lists";
import { Copied, Empty, Failed, Loading, useNow } from "../ui/pieces";
import { RemoveButton } from "../ui/RemoveButton";

export const ROLES = ["viewer", "launcher", "operator", "admin"] as const;
const DAYS_MAX = 3_650;

export function TokensView({ me }: { me: Session }) {
  const [opened, setOpened] = useState(false);
  const now = useNow(30_000);
  const found = useInfiniteQuery({
    queryKey: ["tokens"],
    queryFn: ({ pageParam, signal }) => get<Tokens>("/tokens", { after: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const tokens = found.data?.pages.flatMap((page) => page.tokens) ?? [];
  return (
    <Stack gap="sm">
      <Group justify="space-between"><Text size="sm" c="dimmed">{me.deployment_admin ? "Of everybody" : "Your own"}. Programs send a token as <span className="mono">Authorization: Bearer</span>.</Text><Button leftSection={<KeyRound size={15} />} onClick={() => setOpened(true)}>Create a token</Button></Group>
      {found.isPending ? <Loading what="tokens" /> : found.isError ? <Failed error={found.error} /> : tokens.length === 0 ? <div className="panel"><Empty title="There is no token" /></div> : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={760} aria-label="Tokens, newest first">
            <Table.Thead><Table.Tr><Table.Th>Token</Table.Th><Table.Th>Of</Table.Th><Table.Th>May</Table.Th><Table.Th>Used</Table.Th><Table.Th>Expires</Table.Th><Table.Th w={60}><span className="visually-hidden">Revoke</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{tokens.map((one) => <Row key={one.id} one={one} now={now} />)}</Table.Tbody>
          </Table>
        </div>
      )}
      <More of={found}>Show older tokens</More>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Create a token" closeButtonProps={{ "aria-label": "Close" }}>{opened && <TokenForm me={me} done={() => setOpened(false)} />}</Modal>
    </Stack>
  );
}

function Row({ one, now }: { one: ApiToken; now: number }) {
  const isOver = one.revoked_at !== null || Date.parse(one.expires_at) < now;
  const may = one.pool ? `work in pool ${one.pool}` : `${one.role ?? "all that its owner may"}${one.teams.length ? ` in ${one.teams.join(", ")}` : ""}`;
  return (
    <Table.Tr style={{ color: isOver ? "var(--soft)" : undefined }}>
      <Table.Td maw={220}><Text size="sm" fw={600} className="cut" title={one.name}>{one.name || "without a name"}</Text><Text size="xs" c="dimmed" className="mono">{one.id}</Text></Table.Td>
      <Table.Td maw={220}><Text size="sm" className="cut" title={one.subject}>{one.subject}</Text></Table.Td>
      <Table.Td maw={240}><Text size="sm" className="cut" title={may}>{may}</Text></Table.Td>
      <Table.Td><Text size="sm">{one.used_at ? ago(one.used_at, now) : "never"}</Text></Table.Td>
      <Table.Td><Text size="sm" title={moment(one.expires_at)}>{one.revoked_at ? `revoked ${ago(one.revoked_at, now)}` : new Date(one.expires_at).toLocaleDateString(undefined, { dateStyle: "medium" })}</Text></Table.Td>
      <Table.Td>{!isOver && <RemoveButton what={`token ${one.name || one.id}`} path={`/tokens/${part(one.id)}`} list="tokens" word="Revoke" />}</Table.Td>
    </Table.Tr>
  );
}

function TokenForm({ me, done }: { me: Session; done: () => void }) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<CreateToken>({ name: "", days: 90, teams: [], role: null });
  const create = useMutation({ mutationFn: () => post<NewToken>("/tokens", asked), onSuccess: () => void queries.invalidateQueries({ queryKey: ["tokens"] }) });
  if (create.data) {
    return (
      <Stack gap="sm">
        <Alert color="orange" variant="outline" title="Copy it now: it is not shown again" />
        <Group gap={4} wrap="nowrap"><Text className="mono" style={{ overflowWrap: "anywhere" }} data-testid="secret">{create.data.token}</Text><Copied text={create.data.token} what="token" /></Group>
        <Group justify="flex-end"><Button onClick={done}>Done</Button></Group>
      </Stack>
    );
  }
  return (
    <Stack gap="sm">
      <TextInput label="Name" description="What it is for" value={asked.name} onChange={(event) => setAsked({ ...asked, name: event.currentTarget.value })} data-autofocus />
      <Select label="At most this role" data={[...ROLES]} clearable clearButtonProps={{ "aria-label": "Every role" }} placeholder="All that its owner may" value={asked.role ?? null} onChange={(role) => setAsked({ ...asked, role: role as CreateToken["role"] })} />
      {me.teams.length > 0 && <MultiSelect label="Only in these teams" data={me.teams.map((one) => one.team)} placeholder={asked.teams?.length ? "" : "All teams of its owner"} value={asked.teams} onChange={(teams) => setAsked({ ...asked, teams })} />}
      <NumberInput label="Days until it expires" min={1} max={DAYS_MAX} value={asked.days} onChange={(days) => setAsked({ ...asked, days: Number(days) || 1 })} />
      {create.isError && <Failed error={create.error} />}
      <Group justify="flex-end"><Button variant="default" onClick={done}>Close</Button><Button loading={create.isPending} onClick={() => create.mutate()}>Create</Button></Group>
    </Stack>
  );
}
