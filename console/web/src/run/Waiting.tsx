// Signals and questions that a run waits for, with what answers them.
import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, MessageCircleQuestion, Radio, X } from "lucide-react";
import { lazy, Suspense, useState, type ReactNode } from "react";
import { part, post } from "../api/client";
import type { Run, Wait } from "../api/types";
import { ago, moment } from "../ui/format";
import { answersAs, hasRole, useSession } from "../ui/may";
import { Failed, Loading, useNow } from "../ui/pieces";

const SignalForm = lazy(() => import("./SignalForm").then((found) => ({ default: found.SignalForm })));
const SHOWN_MAX = 5;
const COMMENT_CHARS_MAX = 2_000;

interface Props {
  run: Run;
  wait: Wait;
}

/** Sends a value to a wait; tells why it was not taken. */
export function useSignal(run: string, wait: Wait, done: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (sent: { value: unknown; comment?: string; team?: string }) => post(`/runs/${part(run)}:signal`, { name: wait.node, ...sent }),
    onSuccess: () => {
      notifications.show({ message: done });
      void queries.invalidateQueries({ queryKey: ["waits", run] });
    },
  });
}

/** Whether somebody has to do something, so that it goes on. */
export const isAsked = (wait: Wait): boolean => wait.kind === "approval" || wait.kind === "signal";

/** Everything that waits for somebody, above the graph. */
export function WaitingBox({ run, waits, select }: { run: Run; waits: readonly Wait[]; select: (node: string) => void }) {
  const asked = waits.filter(isAsked);
  if (!asked.length) return null;
  return (
    <section className="panel" aria-label="Waits for somebody" style={{ padding: "4px 16px" }}>
      {asked.slice(0, SHOWN_MAX).map((wait) => (
        <div key={wait.node} className="asked">{wait.kind === "approval" ? <Question run={run} wait={wait} /> : <Signal run={run} wait={wait} select={select} />}</div>
      ))}
      {asked.length > SHOWN_MAX && <Text size="sm" c="dimmed" py={8}>and {asked.length - SHOWN_MAX} more: choose them in the graph</Text>}
    </section>
  );
}

/** What is asked of a node, with its form: for the panel of that node. */
export function Asked({ run, wait }: Props) {
  if (wait.kind === "approval") return <Question run={run} wait={wait} />;
  if (wait.kind === "signal") return <Signal run={run} wait={wait} isOpen />;
  if (wait.kind === "child run") return <Text size="sm">Waits for the run that it has started.</Text>;
  return <Text size="sm">Waits{wait.until ? ` until ${moment(wait.until)}` : ""}. No worker is held.</Text>;
}

function Since({ wait }: { wait: Wait }) {
  const now = useNow(10_000);
  return <>{wait.since && <>asked {ago(wait.since, now)}</>}{wait.until && <>, at the latest {moment(wait.until)}</>}</>;
}

function Head({ icon, title, wait, children }: { icon: ReactNode; title: ReactNode; wait: Wait; children?: ReactNode }) {
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start" style={{ minWidth: 0, flex: "1 1 260px" }}>
      <span style={{ flex: "none", marginTop: 2, color: "var(--mantine-color-anchor)" }}>{icon}</span>
      <div style={{ minWidth: 0 }}>
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>{title}</Text>
        <Text size="xs" c="dimmed"><span className="mono">{wait.node}</span>, <Since wait={wait} />{children}</Text>
      </div>
    </Group>
  );
}

function Question({ run, wait }: Props) {
  const me = useSession().data;
  const [answer, setAnswer] = useState<boolean>();
  const [comment, setComment] = useState("");
  const sent = useSignal(run.run, wait, answer ? "Agreed" : "Refused");
  const team = answersAs(me, run.team, wait.who);
  return (
    <Stack gap="xs">
      <Group gap="sm" justify="space-between" align="flex-start">
        <Head icon={<MessageCircleQuestion size={17} aria-hidden />} title={wait.question} wait={wait}>{wait.who.length > 0 && <>; {whoText(wait.who)} may answer</>}</Head>
        {team !== undefined && answer === undefined && (
          <Group gap="xs" wrap="nowrap">
            <Button size="xs" leftSection={<Check size={14} />} onClick={() => setAnswer(true)} aria-label={`Agree: ${wait.question}`}>Agree</Button>
            <Button size="xs" variant="default" leftSection={<X size={14} />} onClick={() => setAnswer(false)} aria-label={`Refuse: ${wait.question}`}>Refuse</Button>
          </Group>
        )}
        {me && team === undefined && <Text size="xs" c="dimmed">{wait.who.length ? "You are not asked." : "Your role may not answer."}</Text>}
      </Group>
      {team !== undefined && answer !== undefined && (
        <Stack gap="xs" maw={560}>
          <Textarea label="Comment" description="Recorded with the answer" value={comment} onChange={(event) => setComment(event.currentTarget.value)} autosize minRows={1} maxRows={6} maxLength={COMMENT_CHARS_MAX} data-autofocus />
          {sent.isError && <Failed error={sent.error} />}
          <Group gap="xs">
            <Button size="xs" color={answer ? undefined : "red.9"} loading={sent.isPending} onClick={() => sent.mutate({ value: answer, comment: oneLine(comment), team })}>{answer ? "Agree" : "Refuse"}</Button>
            <Button size="xs" variant="default" onClick={() => setAnswer(undefined)}>Back</Button>
          </Group>
        </Stack>
      )}
    </Stack>
  );
}

function Signal({ run, wait, isOpen = false, select }: Props & { isOpen?: boolean; select?: (node: string) => void }) {
  const me = useSession().data;
  const [isShown, setShown] = useState(isOpen);
  const may = hasRole(me, run.team, "launcher");
  return (
    <Stack gap="xs">
      <Group gap="sm" justify="space-between" align="flex-start">
        <Head icon={<Radio size={17} aria-hidden />} title={<>Waits for the signal {wait.node}</>} wait={wait} />
        {may && !isShown && <Button size="xs" onClick={() => (select ? select(wait.node) : setShown(true))} aria-label={`Send ${wait.node}`}>Send…</Button>}
        {me && !may && <Text size="xs" c="dimmed">Your role may not send it.</Text>}
      </Group>
      {may && isShown && <Suspense fallback={<Loading what="the form" height={60} />}><SignalForm key={wait.node} run={run.run} wait={wait} /></Suspense>}
    </Stack>
  );
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

export const whoText = (who: readonly string[]): string => who.map((one) => (one.startsWith("team:") ? `the team ${one.slice(5)}` : one)).join(" or ");
