import { Autocomplete, Button, Group, Modal, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";
import { get, part, put } from "../api/client";
import type { Member, Members } from "../api/types";
import { FilterChips, More, useAddress } from "../ui/lists";
import { textOf } from "../ui/links";
import { Empty, Failed, Loading } from "../ui/pieces";
import { RemoveButton } from "../ui/RemoveButton";
import { ROLES } from "./TokensView";

const DEPLOYMENT = "*";
const nameOf = (team: string): string => (team === DEPLOYMENT ? "the whole deployment" : team);

export function MembersView({ teams, isAdmin }: { teams: string[]; isAdmin: boolean }) {
  const { search, change } = useAddress("/access");
  const [opened, setOpened] = useState(false);
  const team = textOf(search.team) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["members", team],
    queryFn: ({ pageParam, signal }) => get<Members>("/members", { team, after: pageParam, limit: 100 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const members = found.data?.pages.flatMap((page) => page.members) ?? [];
  const mayChange = (one: string) => isAdmin || teams.includes(one);
  return (
    <Stack gap="sm">
      <Group justify="space-between"><Group gap="sm"><FilterChips path="/access" names={["team"]} /></Group>{(isAdmin || teams.length > 0) && <Button leftSection={<UserPlus size={15} />} onClick={() => setOpened(true)}>Give a role</Button>}</Group>
      {found.isPending ? <Loading what="members" /> : found.isError ? <Failed error={found.error} /> : members.length === 0 ? <div className="panel"><Empty title="Nobody has a role yet" /></div> : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={560} aria-label="Members by team">
            <Table.Thead><Table.Tr><Table.Th>Team</Table.Th><Table.Th>Who</Table.Th><Table.Th>Role</Table.Th><Table.Th w={60}><span className="visually-hidden">Remove</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {members.map((one) => (
                <Table.Tr key={`${one.team} ${one.subject}`}>
                  <Table.Td maw={200}><button type="button" className="quiet cut" onClick={() => change({ team: one.team })} title={`Only ${nameOf(one.team)}`}>{nameOf(one.team)}</button></Table.Td>
                  <Table.Td maw={320}><Text size="sm" className="cut mono" title={one.subject}>{one.subject}</Text></Table.Td>
                  <Table.Td><span className="label">{one.role}</span></Table.Td>
                  <Table.Td>{mayChange(one.team) && <RemoveButton what={`${one.subject} from ${nameOf(one.team)}`} path={`/teams/${part(one.team)}/members`} query={{ subject: one.subject }} list="members" />}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <More of={found} />
      <Modal opened={opened} onClose={() => setOpened(false)} title="Give a role" closeButtonProps={{ "aria-label": "Close" }}>{opened && <MemberForm teams={isAdmin ? [...new Set([DEPLOYMENT, ...teams, ...members.map((one) => one.team)])] : teams} done={() => setOpened(false)} />}</Modal>
    </Stack>
  );
}

function MemberForm({ teams, done }: { teams: string[]; done: () => void }) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Member>({ team: teams.find((one) => one !== DEPLOYMENT) ?? teams[0] ?? "", subject: "", role: "launcher" });
  const save = useMutation({
    mutationFn: () => put(`/teams/${part(asked.team)}/members`, { role: asked.role }, { subject: asked.subject }),
    onSuccess: () => { void queries.invalidateQueries({ queryKey: ["members"] }); done(); },
  });
  return (
    <Stack gap="sm">
      <Autocomplete label="Team" description="“*” is the whole deployment" required data={teams} value={asked.team} onChange={(team) => setAsked({ ...asked, team })} />
      <TextInput label="Who" description="ISSUER|SUBJECT of a person, group|NAME of a group" required value={asked.subject} onChange={(event) => setAsked({ ...asked, subject: event.currentTarget.value })} data-autofocus />
      <Select label="Role" data={[...ROLES]} allowDeselect={false} value={asked.role} onChange={(role) => setAsked({ ...asked, role: role as Member["role"] })} />
      {save.isError && <Failed error={save.error} />}
      <Group justify="flex-end"><Button variant="default" onClick={done}>Close</Button><Button loading={save.isPending} disabled={!asked.team || !asked.subject} onClick={() => save.mutate()}>Give</Button></Group>
    </Stack>
  );
}
