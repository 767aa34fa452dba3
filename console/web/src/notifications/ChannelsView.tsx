import { Button, Group, Modal, SegmentedControl, Stack, Table, Text, TextInput, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Plus, Send } from "lucide-react";
import { useState } from "react";
import { part, post, put } from "../api/client";
import type { Channel, PutChannel, Tested } from "../api/types";
import { Empty, Failed } from "../ui/pieces";
import { RemoveButton } from "../ui/RemoveButton";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
type Target = "webhook" | "email" | "slack" | "apprise";
const TARGETS: { value: Target; label: string }[] = [{ value: "webhook", label: "Webhook" }, { value: "email", label: "E-mail" }, { value: "slack", label: "Slack" }, { value: "apprise", label: "Apprise" }];

const whereTo = (one: Channel): string => one.webhook || one.email.join(", ") || (one.slack ? `Slack, by the secret ${one.slack}` : `Apprise, by the secret ${one.apprise}`);

export function ChannelsView({ channels }: { channels: Channel[] }) {
  const [opened, setOpened] = useState(false);
  return (
    <Stack gap="sm">
      <Group justify="flex-end"><Button leftSection={<Plus size={15} />} onClick={() => setOpened(true)}>Add a channel</Button></Group>
      {channels.length === 0 ? <div className="panel"><Empty title="There is no channel yet">A channel is where messages go: a webhook, addresses of e-mail, Slack, or whatever Apprise reaches.</Empty></div> : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={680} aria-label="Channels">
            <Table.Thead><Table.Tr><Table.Th>Channel</Table.Th><Table.Th>Sends to</Table.Th><Table.Th>Team</Table.Th><Table.Th>Set by</Table.Th><Table.Th w={150}><span className="visually-hidden">Actions</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {channels.map((one) => (
                <Table.Tr key={one.name}>
                  <Table.Td maw={200}><Text size="sm" fw={600} className="cut" title={one.name}>{one.name}</Text></Table.Td>
                  <Table.Td maw={360}><Text size="sm" className="cut" title={whereTo(one)}>{whereTo(one)}</Text>{one.webhook && <Text size="xs" c="dimmed">{one.secret ? `signed with the secret ${one.secret}` : "not signed"}</Text>}</Table.Td>
                  <Table.Td><Text size="sm">{one.team || "–"}</Text></Table.Td>
                  <Table.Td><Text size="sm" c="dimmed">{one.user}</Text></Table.Td>
                  <Table.Td><Group gap={4} wrap="nowrap" justify="flex-end"><TestButton channel={one.name} /><RemoveButton what={`channel ${one.name}`} path={`/notifications/channels/${part(one.name)}`} list="channels" /></Group></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <Modal opened={opened} onClose={() => setOpened(false)} title="Add a channel" closeButtonProps={{ "aria-label": "Close" }}>{opened && <ChannelForm done={() => setOpened(false)} />}</Modal>
    </Stack>
  );
}

function TestButton({ channel }: { channel: string }) {
  const test = useMutation({
    mutationFn: () => post<Tested>(`/notifications/channels/${part(channel)}:test`, {}),
    onSuccess: (found) => notifications.show(found.delivered ? { color: "green", title: `${channel} got a test message`, message: "It arrived." } : { color: "red", title: `${channel} got no message`, message: found.error ?? "" }),
    onError: (error) => notifications.show({ color: "red", title: "The test was not sent", message: error.message }),
  });
  return <Button size="compact-sm" variant="default" leftSection={<Send size={13} />} loading={test.isPending} onClick={() => test.mutate()} aria-label={`Send a test message to ${channel}`}>Test</Button>;
}

function ChannelForm({ done }: { done: () => void }) {
  const queries = useQueryClient();
  const [target, setTarget] = useState<Target>("webhook");
  const [form, setForm] = useState({ name: "", team: "", to: "", secret: "" });
  const set = (changed: Partial<typeof form>) => setForm({ ...form, ...changed });
  const asked = (): PutChannel => {
    const to = target === "email" ? { email: form.to.split(/[\s,]+/).filter(Boolean) } : { [target]: form.to.trim() };
    return { team: form.team, ...to, ...(target === "webhook" && form.secret ? { secret: form.secret } : {}) };
  };
  const save = useMutation({
    mutationFn: () => put(`/notifications/channels/${part(form.name)}`, asked()),
    onSuccess: () => { void queries.invalidateQueries({ queryKey: ["channels"] }); done(); },
  });
  return (
    <Stack gap="sm">
      <TextInput label="Name" required value={form.name} error={form.name && !NAME.test(form.name) ? "letters, digits, “.”, “_” and “-”" : undefined} onChange={(event) => set({ name: event.currentTarget.value })} data-autofocus />
      <SegmentedControl fullWidth data={TARGETS} value={target} onChange={(value) => { setTarget(value as Target); set({ to: "" }); }} aria-label="Where to" />
      {target === "webhook" && <TextInput label="Address" required placeholder="https://ops.example.org/penstock" value={form.to} onChange={(event) => set({ to: event.currentTarget.value })} />}
      {target === "email" && <Textarea label="Addresses" required description="Separated by spaces or commas" autosize value={form.to} onChange={(event) => set({ to: event.currentTarget.value })} />}
      {(target === "slack" || target === "apprise") && <TextInput label="Secret" required description={`Name of the secret that is ${target === "slack" ? "the URL of the incoming webhook" : "a URL of Apprise"}; never the URL itself`} value={form.to} onChange={(event) => set({ to: event.currentTarget.value })} />}
      {target === "webhook" && <TextInput label="Secret" description="Name of the secret that signs the messages; empty: they are not signed" value={form.secret} onChange={(event) => set({ secret: event.currentTarget.value })} />}
      <TextInput label="Team" description="Empty: your own" value={form.team} onChange={(event) => set({ team: event.currentTarget.value })} />
      {save.isError && <Failed error={save.error} />}
      <Group justify="flex-end"><Button variant="default" onClick={done}>Close</Button><Button loading={save.isPending} disabled={!NAME.test(form.name) || !form.to.trim()} onClick={() => save.mutate()}>Add</Button></Group>
    </Stack>
  );
}
