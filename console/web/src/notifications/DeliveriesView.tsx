import { Button, Group, Stack, Table, Text, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleX, Clock, RotateCw, type LucideIcon } from "lucide-react";
import { get, post } from "../api/client";
import type { Deliveries, Delivery, Retried, Retry } from "../api/types";
import { ago, counted, functionName, moment } from "../ui/format";
import { listOf, textOf } from "../ui/links";
import { FilterChips, More, useAddress } from "../ui/lists";
import { Empty, Failed, Loading, RunLink, useNow } from "../ui/pieces";
import { StateWord, useIsDark } from "../ui/states";
import { LOOKS, type State } from "../ui/theme";

const PATH = "/notifications";
const STATES: Record<Delivery["state"], { word: string; look: State; Icon: LucideIcon }> = {
  waiting: { word: "Waiting", look: "waiting", Icon: Clock },
  delivered: { word: "Delivered", look: "succeeded", Icon: CircleCheck },
  dead: { word: "Given up", look: "failed", Icon: CircleX },
};

function useRetry() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (asked: Retry) => post<Retried>("/notifications/deliveries:retry", asked),
    onSuccess: (found) => {
      notifications.show({ color: "green", title: "Sent again", message: `${counted(found.retried, "message")} will be tried for another day.` });
      void queries.invalidateQueries({ queryKey: ["deliveries"] });
    },
    onError: (error) => notifications.show({ color: "red", title: "Not sent again", message: error.message }),
  });
}

export function DeliveriesView() {
  const { search, change } = useAddress(PATH);
  const now = useNow(5_000);
  const states = listOf(search.state);
  const channel = textOf(search.channel) ?? "";
  const found = useInfiniteQuery({
    queryKey: ["deliveries", states, channel],
    queryFn: ({ pageParam, signal }) => get<Deliveries>("/notifications/deliveries", { state: states, channel, after: pageParam, limit: 50 }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > 1 ? false : 3_000),
    placeholderData: keepPreviousData,
  });
  const retry = useRetry();
  const toggle = (state: string) => change({ state: states.includes(state) ? states.filter((one) => one !== state) : [...states, state] });
  const deliveries = found.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Group gap={6} role="group" aria-label="States">
          {Object.entries(STATES).map(([state, { word, Icon }]) => <button key={state} type="button" className="chip" aria-pressed={states.includes(state)} onClick={() => toggle(state)}><Icon size={13} aria-hidden /> {word}</button>)}
          <FilterChips path={PATH} names={["channel"]} />
        </Group>
        {channel && deliveries.some((one) => one.state === "dead") && <Button variant="default" leftSection={<RotateCw size={14} />} loading={retry.isPending} onClick={() => retry.mutate({ channel })}>Send all of {channel} again</Button>}
      </Group>
      {found.isPending ? <Loading what="messages" /> : found.isError ? <Failed error={found.error} retry={() => void found.refetch()} /> : deliveries.length === 0 ? (
        <div className="panel"><Empty title={states.length || channel ? "No message matches" : "No message was sent yet"}>{!states.length && !channel && "A message is sent when a run ends that a rule is about."}</Empty></div>
      ) : (
        <div className="panel" style={{ overflowX: "auto" }}>
          <Table miw={760} aria-label="Messages, the latest first">
            <Table.Thead><Table.Tr><Table.Th w={130}>Message</Table.Th><Table.Th w={130}>Channel</Table.Th><Table.Th>About</Table.Th><Table.Th>Attempts</Table.Th><Table.Th w={130}>Created</Table.Th><Table.Th w={120}><span className="visually-hidden">Actions</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{deliveries.map((one) => <Row key={one.id} one={one} now={now} again={() => retry.mutate({ ids: [one.id] })} filter={() => change({ channel: one.channel })} />)}</Table.Tbody>
          </Table>
        </div>
      )}
      <More of={found}>Show older messages</More>
    </Stack>
  );
}

function Row({ one, now, again, filter }: { one: Delivery; now: number; again: () => void; filter: () => void }) {
  const dark = useIsDark();
  const { word, look, Icon } = STATES[one.state];
  return (
    <Table.Tr>
      <Table.Td><span className="state" style={{ color: LOOKS[look].ink[dark ? 1 : 0] }}><Icon size={15} aria-hidden /> {word}</span></Table.Td>
      <Table.Td maw={150}><button type="button" className="quiet cut" onClick={filter} title={`Only messages to ${one.channel}`}>{one.channel}</button></Table.Td>
      <Table.Td maw={300}><Group gap="xs" wrap="nowrap"><StateWord state={one.kind as State} /><Text size="sm" className="cut" title={one.workflow}>{functionName(one.workflow)}</Text><RunLink run={one.run} /></Group></Table.Td>
      <Table.Td maw={300}><Text size="sm">{one.attempts}{one.state === "waiting" && one.due_at && Date.parse(one.due_at) > now ? `, next at ${new Date(one.due_at).toLocaleTimeString()}` : ""}</Text>{one.error && <Text size="xs" className="cut" style={{ color: "var(--mantine-color-error)" }} title={one.error}>{one.error}</Text>}</Table.Td>
      <Table.Td><Tooltip label={moment(one.created_at)}><Text size="sm">{ago(one.created_at, now)}</Text></Tooltip></Table.Td>
      <Table.Td>{one.state === "dead" && <Button size="compact-sm" variant="default" leftSection={<RotateCw size={13} />} onClick={again}>Send again</Button>}</Table.Td>
    </Table.Tr>
  );
}
