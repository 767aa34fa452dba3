import { Button, Group, Modal, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { get, post } from "../api/client";
import type { CancelledMany, RunCounts } from "../api/types";
import { count, counted } from "../ui/format";
import { Failed, Loading } from "../ui/pieces";
import type { Filters } from "./useRuns";

const AT_ONCE = 100;

/** The filters as the request has them; what is empty is left out. */
export function filterOf({ q, workflow, name, team, user, label }: Omit<Filters, "state">): Record<string, unknown> {
  const labels = Object.fromEntries(label.map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)]));
  const given = Object.entries({ q, workflow, name, team, user }).filter(([, value]) => value);
  return { ...Object.fromEntries(given), ...(label.length ? { labels } : {}), states: ["running"] };
}

/** Cancels all open runs that the filters show, also those that are not on the screen. */
export function BulkCancel({ filter }: { filter: Filters }) {
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const [done, setDone] = useState(0);
  const isStopped = useRef(false);
  const { state: _, ...wanted } = filter;
  const matching = useQuery({
    queryKey: ["runs:cancel", wanted],
    queryFn: ({ signal }) => get<RunCounts>("/runs:count", { ...wanted, state: ["running"] }, signal),
    enabled: opened,
    staleTime: 0,
    gcTime: 0,
  });
  const found = matching.data?.counts.find((one) => one.state === "running");
  const matched = found?.runs ?? 0;
  const cancel = useMutation({
    mutationFn: async () => {
      let cancelled = 0;
      let failed = 0;
      isStopped.current = false;
      for (let isMore = true; isMore && !isStopped.current; ) {
        const part = await post<CancelledMany>("/runs:cancel", { filter: filterOf(wanted), reason, dry_run: false, limit: AT_ONCE });
        cancelled += part.cancelled;
        failed += part.failures.length;
        setDone(cancelled);
        // What could not be cancelled would come again and again.
        isMore = part.more && part.cancelled > 0;
      }
      return { cancelled, failed };
    },
    onSuccess: ({ cancelled, failed }) => {
      notifications.show({ message: `${counted(cancelled, "run")} cancelled${failed ? `; ${failed} could not be` : ""}`, color: failed ? "orange" : "green" });
      close();
    },
  });
  const start = () => {
    setDone(0);
    open();
  };
  return (
    <>
      <Button variant="default" onClick={start}>Cancel all…</Button>
      <Modal opened={opened} onClose={() => { isStopped.current = true; close(); }} title="Cancel all running runs that match" closeButtonProps={{ "aria-label": "Close" }}>
        <Stack>
          {matching.isPending ? <Loading what="matching runs" height={50} /> : matching.isError ? <Failed error={matching.error} /> : (
            <Text size="sm">{matched === 0 ? "No running run matches." : `${counted(matched, "running run")}${found?.capped ? " or more" : ""} ${matched === 1 ? "matches" : "match"}, also those that are not on the screen. No further actions of ${matched === 1 ? "it" : "them"} start, and running ones are stopped.`}</Text>
          )}
          <TextInput label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2000} />
          {cancel.isPending && <div role="status"><Progress value={(done / Math.max(matched, 1)) * 100} aria-label="Cancelled" /><Text size="xs" c="dimmed" mt={4}>{count(done)} of {count(matched)} cancelled. To stop, close this.</Text></div>}
          {cancel.isError && <Failed error={cancel.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => { isStopped.current = true; close(); }}>{cancel.isPending ? "Stop" : "Keep them"}</Button>
            <Button color="red.9" loading={cancel.isPending} disabled={!matched} onClick={() => cancel.mutate()}>Cancel {counted(matched, "run")}</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
