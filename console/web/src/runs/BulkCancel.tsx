import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { post } from "../api/client";
import type { CancelledMany } from "../api/types";
import { counted } from "../ui/format";
import { Failed, Loading } from "../ui/pieces";

interface Filter {
  workflow?: string;
  team?: string;
  state: string[];
}

/** Cancels all open runs that the filters show, also those that are not on the screen. */
export function BulkCancel({ filter }: { filter: Filter }) {
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const queries = useQueryClient();
  const body = { filter: { ...(filter.workflow && { workflow: filter.workflow }), ...(filter.team && { team: filter.team }) }, reason };
  const matching = useQuery({
    queryKey: ["runs:cancel", filter.workflow, filter.team],
    queryFn: () => post<CancelledMany>("/runs:cancel", { ...body, reason: "", dry_run: true }),
    enabled: opened,
    staleTime: 0,
  });
  const cancel = useMutation({
    mutationFn: () => post<CancelledMany>("/runs:cancel", { ...body, dry_run: false }),
    onSuccess: (done) => {
      notifications.show({ message: `${counted(done.cancelled, "run")} cancelled${done.more ? "; there are more" : ""}`, color: done.failures.length ? "orange" : "green" });
      void queries.invalidateQueries({ queryKey: ["runs"] });
      if (!done.more) close();
    },
  });
  const matched = matching.data?.matched ?? 0;
  return (
    <>
      <Button variant="default" onClick={open}>Cancel all…</Button>
      <Modal opened={opened} onClose={close} title="Cancel all open runs that match" closeButtonProps={{ "aria-label": "Close" }}>
        <Stack>
          {matching.isPending ? <Loading what="matching runs" height={50} /> : matching.isError ? <Failed error={matching.error} /> : (
            <Text size="sm">{matched === 0 ? "No open run matches." : `${counted(matched, "open run")}${matching.data.more ? " or more" : ""} ${matched === 1 ? "matches" : "match"}. No further actions of ${matched === 1 ? "it" : "them"} start, and running ones are stopped.`}</Text>
          )}
          <TextInput label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2000} />
          {cancel.isError && <Failed error={cancel.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>Keep them</Button>
            <Button color="red.9" loading={cancel.isPending} disabled={!matched} onClick={() => cancel.mutate()}>Cancel {counted(matched, "run")}</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
