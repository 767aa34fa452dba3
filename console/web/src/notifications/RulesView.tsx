import { Button, Checkbox, Group, Modal, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { BellPlus } from "lucide-react";
import { useState } from "react";
import { part, put } from "../api/client";
import type { Channel, PutRule, Rule } from "../api/types";
import { Empty, Failed } from "../ui/pieces";
import { StateWord } from "../ui/states";
import type { State } from "../ui/theme";
import { RemoveButton } from "../ui/RemoveButton";

const KINDS = ["succeeded", "failed", "cancelled"] as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export function RulesView({ rules, channels }: { rules: Rule[]; channels: Channel[] }) {
  const [opened, setOpened] = useState(false);
  return (
    <Stack gap="sm">
      <Group justify="flex-end"><Button leftSection={<BellPlus size={15} />} disabled={channels.length === 0} onClick={() => setOpened(true)}>Add a rule</Button></Group>
      {rules.length === 0 ? (
        <div className="panel"><Empty title="No rule says who is told">{channels.length === 0 ? "Add a channel first: a webhook, addresses of e-mail, Slack." : "A rule tells a channel about the ends of a workflow's or a team's runs."}</Empty></div>
      ) : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={680} aria-label="Rules">
            <Table.Thead><Table.Tr><Table.Th>Rule</Table.Th><Table.Th>When runs of</Table.Th><Table.Th>have</Table.Th><Table.Th>tells</Table.Th><Table.Th>Set by</Table.Th><Table.Th w={60}><span className="visually-hidden">Remove</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {rules.map((one) => (
                <Table.Tr key={one.name}>
                  <Table.Td maw={200}><Text size="sm" fw={600} className="cut" title={one.name}>{one.name}</Text></Table.Td>
                  <Table.Td maw={260}><Text size="sm" className="cut" title={one.workflow}>{one.workflow || "any workflow"}{one.team ? `, team ${one.team}` : ""}</Text></Table.Td>
                  <Table.Td><Group gap="sm">{one.kinds.map((kind) => <StateWord key={kind} state={kind as State} />)}</Group></Table.Td>
                  <Table.Td><span className="label">{one.channel}</span></Table.Td>
                  <Table.Td><Text size="sm" c="dimmed">{one.user}</Text></Table.Td>
                  <Table.Td><RemoveButton what={`rule ${one.name}`} path={`/notifications/rules/${part(one.name)}`} list="rules" /></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <Modal opened={opened} onClose={() => setOpened(false)} title="Add a rule" closeButtonProps={{ "aria-label": "Close" }}>{opened && <RuleForm channels={channels} done={() => setOpened(false)} />}</Modal>
    </Stack>
  );
}

function RuleForm({ channels, done }: { channels: Channel[]; done: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [rule, setRule] = useState<PutRule>({ channel: channels[0]?.name ?? "", kinds: ["failed"], workflow: "", team: "" });
  const save = useMutation({
    mutationFn: () => put(`/notifications/rules/${part(name)}`, rule),
    onSuccess: () => { void queries.invalidateQueries({ queryKey: ["rules"] }); done(); },
  });
  return (
    <Stack gap="sm">
      <TextInput label="Name" required value={name} error={name && !NAME.test(name) ? "letters, digits, “.”, “_” and “-”" : undefined} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
      <Select label="Channel" data={channels.map((one) => one.name)} value={rule.channel} allowDeselect={false} onChange={(channel) => setRule({ ...rule, channel: channel ?? "" })} />
      <Checkbox.Group label="When a run has" value={rule.kinds} onChange={(kinds) => setRule({ ...rule, kinds: kinds as PutRule["kinds"] })}>
        <Group mt={6}>{KINDS.map((kind) => <Checkbox key={kind} value={kind} label={kind} />)}</Group>
      </Checkbox.Group>
      <TextInput label="Workflow" description="Its name in the registry or in its code; empty: any" value={rule.workflow} onChange={(event) => setRule({ ...rule, workflow: event.currentTarget.value })} />
      <TextInput label="Team" description="Empty: any" value={rule.team} onChange={(event) => setRule({ ...rule, team: event.currentTarget.value })} />
      {save.isError && <Failed error={save.error} />}
      <Group justify="flex-end"><Button variant="default" onClick={done}>Close</Button><Button loading={save.isPending} disabled={!NAME.test(name) || rule.kinds.length === 0} onClick={() => save.mutate()}>Add</Button></Group>
    </Stack>
  );
}
