// Views that somebody saved in this browser: a name for the filters in the address.
import { Button, Menu, Modal, Stack, TextInput } from "@mantine/core";
import { useDisclosure, useLocalStorage } from "@mantine/hooks";
import { Bookmark, BookmarkPlus, Trash2 } from "lucide-react";
import { useState } from "react";
import { parseSearch, stringifySearch, type Search } from "../ui/links";

const KEY = "penstock-views-of-runs";
const VIEWS_MAX = 30;
const NAME_CHARS_MAX = 60;

interface View {
  name: string;
  search: string;
}

export function Views({ search, show }: { search: Search; show: (search: Search) => void }) {
  const [views, setViews] = useLocalStorage<View[]>({ key: KEY, defaultValue: [], getInitialValueInEffect: false });
  const [opened, { open, close }] = useDisclosure(false);
  const [name, setName] = useState("");
  const now = stringifySearch(search);
  const current = views.find((view) => view.search === now);
  const save = () => {
    setViews([...views.filter((view) => view.name !== name), { name, search: now }].slice(-VIEWS_MAX));
    setName("");
    close();
  };
  return (
    <>
      <Menu shadow="md" position="bottom-start">
        <Menu.Target><Button variant="default" leftSection={<Bookmark size={15} />}>{current?.name ?? "Views"}</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => show({})}>All runs</Menu.Item>
          {views.map((view) => <Menu.Item key={view.name} onClick={() => show(parseSearch(view.search))} fw={view === current ? 600 : undefined}>{view.name}</Menu.Item>)}
          <Menu.Divider />
          <Menu.Item leftSection={<BookmarkPlus size={15} />} disabled={!now || current !== undefined} onClick={open}>Save these filters…</Menu.Item>
          {current && <Menu.Item leftSection={<Trash2 size={15} />} onClick={() => setViews(views.filter((view) => view !== current))}>Forget “{current.name}”</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      <Modal opened={opened} onClose={close} title="Save these filters" closeButtonProps={{ "aria-label": "Close" }}>
        <form onSubmit={(event) => { event.preventDefault(); if (name) save(); }}>
          <Stack>
            <TextInput label="Name" description="Kept in this browser. To share a view, send its address." value={name} maxLength={NAME_CHARS_MAX} onChange={(event) => setName(event.currentTarget.value)} data-autofocus />
            <Button type="submit" disabled={!name}>Save</Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
