// What can be done with a run: cancel, pause, retry, fork, launch again, compare.
import { Alert, Button, Checkbox, Group, Menu, Modal, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ChevronDown, GitCompareArrows, GitFork, Pause, Play, RotateCcw, RotateCw, Square } from "lucide-react";
import { useState, type ReactNode } from "react";
import { part, post } from "../api/client";
import type { PlannedFork, Reopened, Run } from "../api/types";
import { count, counted, functionName } from "../ui/format";
import { hasRole, useSession } from "../ui/may";
import { Failed, Loading } from "../ui/pieces";
import type { State } from "../ui/theme";
import { isEnded } from "./useRun";

type Asked = "cancel" | "pause" | "retry" | "fork";

interface Props {
  run: Run;
  state: State;
  isPaused: boolean;
  /** Read the states again: the run is another now. */
  refresh: () => void;
  selected: string | undefined;
}

export function Actions({ run, state, isPaused, refresh, selected }: Props) {
  const [asked, setAsked] = useState<Asked>();
  const me = useSession().data;
  const may = hasRole(me, run.team, "launcher");
  const isOpen = !isEnded(state);
  const path = `/runs/${part(run.run)}`;
  const resume = useMutation({ mutationFn: () => post(`${path}:resume`, {}), onSuccess: refresh, onError: (error) => notifications.show({ color: "red", title: "The run stays paused", message: error.message }) });
  const close = () => setAsked(undefined);
  const canRetry = may && (state === "failed" || state === "cancelled");
  return (
    <>
      {canRetry && <Button leftSection={<RotateCw size={15} />} onClick={() => setAsked("retry")}>Retry</Button>}
      {may && isOpen && isPaused && <Button leftSection={<Play size={14} />} loading={resume.isPending} onClick={() => resume.mutate()}>Resume</Button>}
      {may && state === "running" && !isPaused && <Button variant="default" leftSection={<Pause size={14} />} onClick={() => setAsked("pause")}>Pause</Button>}
      {may && isOpen && <Button color="red.9" leftSection={<Square size={13} />} onClick={() => setAsked("cancel")}>Cancel</Button>}
      <Menu shadow="md" position="bottom-end">
        <Menu.Target><Button variant="default" rightSection={<ChevronDown size={14} />}>More</Button></Menu.Target>
        <Menu.Dropdown>
          {may && <Menu.Item component={Link} to={`/launch?again=${run.run}` as string} leftSection={<RotateCcw size={15} />}>Launch again</Menu.Item>}
          {may && !isOpen && <Menu.Item leftSection={<GitFork size={15} />} onClick={() => setAsked("fork")}>Fork…</Menu.Item>}
          <Menu.Item component={Link} to={`/compare?run=${run.run}` as string} leftSection={<GitCompareArrows size={15} />}>Compare</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Reasoned opened={asked === "cancel"} close={close} title="Cancel this run" path={`${path}:cancel`} word="Cancel the run" isRed>No further actions start; running ones are stopped. What is recorded stays.</Reasoned>
      <Reasoned opened={asked === "pause"} close={close} title="Pause this run" path={`${path}:pause`} word="Pause the run" done={refresh}>Nothing new of it starts; what runs goes on, until somebody resumes it.</Reasoned>
      <Retry run={run} opened={asked === "retry"} close={close} refresh={refresh} fork={() => setAsked("fork")} />
      {asked === "fork" && <Fork run={run} close={close} selected={selected} />}
    </>
  );
}

function Reasoned({ opened, close, title, path, word, isRed, done, children }: { opened: boolean; close: () => void; title: string; path: string; word: string; isRed?: boolean; done?: () => void; children: ReactNode }) {
  const [reason, setReason] = useState("");
  const sent = useMutation({ mutationFn: () => post(path, { reason }), onSuccess: () => { close(); done?.(); } });
  return (
    <Modal opened={opened} onClose={close} title={title} closeButtonProps={{ "aria-label": "Close" }}>
      <form onSubmit={(event) => { event.preventDefault(); sent.mutate(); }}>
        <Stack>
          <Text size="sm">{children}</Text>
          <TextInput label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2_000} data-autofocus />
          {sent.isError && <Failed error={sent.error} />}
          <Group justify="flex-end"><Button variant="default" onClick={close}>Keep it</Button><Button type="submit" color={isRed ? "red.9" : undefined} loading={sent.isPending}>{word}</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Retry({ run, opened, close, refresh, fork }: { run: Run; opened: boolean; close: () => void; refresh: () => void; fork: () => void }) {
  const queries = useQueryClient();
  const sent = useMutation({
    mutationFn: () => post<Reopened>(`/runs/${part(run.run)}:retry`, {}),
    onSuccess: ({ reopened }) => {
      close();
      notifications.show({ message: reopened ? `${counted(reopened, "node")} wait${reopened === 1 ? "s" : ""} again` : "The run is open already" });
      void queries.invalidateQueries({ queryKey: ["run", run.run] });
      refresh();
    },
  });
  return (
    <Modal opened={opened} onClose={close} title="Retry this run" closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <Text size="sm">The same run goes on: what failed, was skipped or cancelled runs again, with the code and the inputs that it has. What has succeeded stays.</Text>
        <Text size="sm" c="dimmed">If the cause is in the code or in an input, fork the run instead.</Text>
        {sent.isError && <Failed error={sent.error} />}
        <Group justify="flex-end"><Button variant="default" onClick={fork}>Fork…</Button><Button loading={sent.isPending} onClick={() => sent.mutate()} data-autofocus>Retry the run</Button></Group>
      </Stack>
    </Modal>
  );
}

const NAMED_MAX = 6;

/** A new run that takes over what this one has computed: first what it would reuse and run, then the start. */
function Fork({ run, close, selected }: { run: Run; close: () => void; selected: string | undefined }) {
  const navigate = useNavigate();
  const registered = run.launched_as?.split("@")[0];
  const [isLatest, setLatest] = useState(false);
  const [isFromHere, setFromHere] = useState(false);
  const node = selected?.replace(/\[.*$/, "");
  const body = { ...(isLatest && registered ? { workflow: registered } : {}), ...(isFromHere && node ? { again: [node] } : {}) };
  const path = `/runs/${part(run.run)}:fork`;
  const plan = useQuery({ queryKey: ["fork", run.run, body], queryFn: () => post<PlannedFork>(path, body), gcTime: 0, retry: false });
  const start = useMutation({ mutationFn: () => post<PlannedFork>(path, { ...body, dry_run: false }), onSuccess: ({ run: forked }) => { close(); void navigate({ to: `/runs/${forked}` as string }); } });
  return (
    <Modal opened onClose={close} title="Fork this run" size="lg" closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <Text size="sm">A new run that takes over the results of this one, and runs what has none or is no longer the same.</Text>
        {registered && <Checkbox label={`With the code of the latest version of ${registered}`} description={`Otherwise with that of this run, ${run.launched_as}`} checked={isLatest} onChange={(event) => setLatest(event.currentTarget.checked)} />}
        {node && <Checkbox label={`Run ${node} again in any case`} description="And all that depends on it" checked={isFromHere} onChange={(event) => setFromHere(event.currentTarget.checked)} />}
        {plan.isPending ? <Loading what="the plan of the fork" height={80} /> : plan.isError ? <Failed error={plan.error} /> : <ForkPlan plan={plan.data} />}
        {start.isError && <Failed error={start.error} />}
        <Group justify="flex-end"><Button variant="default" onClick={close}>Close</Button><Button leftSection={<GitFork size={15} />} disabled={!plan.data} loading={start.isPending} onClick={() => start.mutate()}>Start the fork</Button></Group>
      </Stack>
    </Modal>
  );
}

/** Nodes with the same reasons, together. */
export function byReason(nodes: PlannedFork["nodes"]): { reason: string; nodes: PlannedFork["nodes"] }[] {
  const alike = new Map<string, PlannedFork["nodes"]>();
  for (const node of nodes) {
    const isFollower = node.reasons.every((reason) => reason.endsWith(" runs again") || reason === "it was skipped");
    const reason = isFollower ? "nodes before run again" : node.reasons.join("; ");
    alike.set(reason, [...(alike.get(reason) ?? []), node]);
  }
  return [...alike].map(([reason, found]) => ({ reason, nodes: found }));
}

function ForkPlan({ plan }: { plan: PlannedFork }) {
  const groups = byReason(plan.nodes);
  const nameOf = (nodes: PlannedFork["nodes"]) => (nodes.length <= NAMED_MAX ? nodes.map((one) => one.node).join(", ") : `${count(nodes.length)} nodes of ${[...new Set(nodes.map((one) => functionName(one.operator) || one.node))].slice(0, NAMED_MAX).join(", ")}`);
  return (
    <Alert variant="outline" color="blue" title={`${counted(plan.reused, "node")} reused, ${count(plan.runs)} ${plan.runs === 1 ? "runs" : "run"}`}>
      {groups.length === 0 ? <Text size="sm">Nothing runs: all results are taken over.</Text> : (
        <ul style={{ margin: 0, paddingLeft: 18, fontSize: 13.5, maxHeight: 260, overflow: "auto" }}>
          {groups.slice(0, 30).map((group) => <li key={group.reason}><b>{nameOf(group.nodes)}</b>, because {group.reason}</li>)}
        </ul>
      )}
      {plan.runs > plan.nodes.length && <Text size="sm" mt={6}>and {count(plan.runs - plan.nodes.length)} more</Text>}
    </Alert>
  );
}
