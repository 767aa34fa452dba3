// What pages with long lists share: a search that is in the address, filters as chips, more on demand.
import { Button, Group, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Search as SearchIcon, X } from "lucide-react";
import { useState } from "react";
import { textOf, type Search } from "./links";

/** What the address says, and how to change it. */
export function useAddress(path: string): { search: Search; change: (changed: Search) => void } {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  return { search, change: (changed) => void navigate({ to: path as string, search: { ...search, ...changed } as never, replace: true }) };
}

export function SearchField({ path, label, placeholder, width = 320 }: { path: string; label: string; placeholder: string; width?: number }) {
  const { search, change } = useAddress(path);
  const [words, setWords] = useState(textOf(search.q) ?? "");
  const later = useDebouncedCallback((q: string) => change({ q }), 250);
  return <TextInput w={{ base: "100%", xs: width }} leftSection={<SearchIcon size={15} />} placeholder={placeholder} aria-label={label} value={words} onChange={(event) => { setWords(event.currentTarget.value); later(event.currentTarget.value); }} />;
}

/** The filters that are set, each with a way to remove it. */
export function FilterChips({ path, names }: { path: string; names: readonly string[] }) {
  const { search, change } = useAddress(path);
  return names.map((name) => {
    const value = textOf(search[name]);
    return value === undefined ? null : (
      <button key={name} type="button" className="chip" aria-pressed onClick={() => change({ [name]: "" })} title="Remove this filter"><span className="cut" style={{ maxWidth: 260 }}>{name}: {value}</span> <X size={13} aria-label="remove" /></button>
    );
  });
}

interface Paged { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }

export function More({ of, children = "Show more" }: { of: Paged; children?: string }) {
  if (!of.hasNextPage) return null;
  return <Group justify="center"><Button variant="default" loading={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>{children}</Button></Group>;
}
