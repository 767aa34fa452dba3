import { ActionIcon, Button, Group, Popover, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { remove } from "../api/client";

/** Removes a thing once somebody has said so twice. */
export function RemoveButton({ what, path, list, word = "Remove", query }: { what: string; path: string; list: string; word?: string; query?: Record<string, string> }) {
  const queries = useQueryClient();
  const [opened, setOpened] = useState(false);
  const done = useMutation({
    mutationFn: () => remove(path, query),
    onSuccess: () => void queries.invalidateQueries({ queryKey: [list] }),
    onError: (error) => notifications.show({ color: "red", title: `${what} is as it was`, message: error.message }),
    onSettled: () => setOpened(false),
  });
  return (
    <Popover opened={opened} onChange={setOpened} position="left" withArrow trapFocus>
      <Popover.Target><ActionIcon variant="subtle" color="gray" aria-label={`${word} ${what}`} onClick={() => setOpened(true)}><Trash2 size={15} /></ActionIcon></Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs"><Text size="sm">{word} {what}?</Text><Group gap="xs"><Button size="compact-sm" color="red.9" loading={done.isPending} onClick={() => done.mutate()}>{word}</Button><Button size="compact-sm" variant="default" onClick={() => setOpened(false)}>Keep</Button></Group></Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
