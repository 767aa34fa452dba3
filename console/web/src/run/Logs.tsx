import { ActionIcon, Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ArrowUpToLine, Search as SearchIcon, X } from "lucide-react";
import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { get, part } from "../api/client";
import type { Nodes } from "../api/types";
import { clock, counted } from "../ui/format";
import { Empty, Failed, Loading } from "../ui/pieces";
import { useIsDark } from "../ui/states";
import { pieces } from "./ansi";
import type { Line } from "./lines";
import { useLog } from "./useLog";

const HEIGHT = 19;
const CHARS_MAX = 4_000;
const AT_END_PX = 30;
// Nearer to an end than this, what comes next is asked for.
const AHEAD_PX = 2_000;
const TYPING_MS = 300;
// Black to white, on light and on dark ground.
const COLOURS = [
  ["#333", "#aaa"], ["#b3261e", "#ff8f86"], ["#1b6e3c", "#6fcf92"], ["#7a5a00", "#e0b94f"], ["#155fa8", "#74b3f0"], ["#7b2d8e", "#d79be8"], ["#0f6a72", "#62c8d2"], ["#444", "#eee"],
];

interface RowProps {
  line: Line;
  top: number;
  isMarked: boolean;
  withNode: boolean;
  dark: boolean;
  choose: ((line: Line) => void) | undefined;
}

const LineRow = memo(function LineRow({ line, top, isMarked, withNode, dark, choose }: RowProps) {
  const text = line.text.length > CHARS_MAX ? `${line.text.slice(0, CHARS_MAX)}… (${line.text.length} characters)` : line.text;
  return (
    <div className={isMarked ? "log-line hit" : "log-line"} style={{ transform: `translateY(${top}px)` }}>
      {choose ? <button type="button" className="of log-time" onClick={() => choose(line)} title="Show the lines around this one">{clock(line.at)}</button> : <span className="of">{clock(line.at)}</span>}
      {withNode && <span className="of cut" style={{ width: 120 }} title={line.node}>{line.node}</span>}
      {line.attempt > 1 && <span className="of">#{line.attempt}</span>}
      <span>
        {pieces(text).map((piece, index) => (
          <span key={index} style={{ color: piece.colour === undefined ? undefined : COLOURS[piece.colour][dark ? 1 : 0], fontWeight: piece.bold ? 700 : undefined }}>{piece.text}</span>
        ))}
      </span>
    </div>
  );
});

const isSame = (one: Line, other: Line | undefined): boolean => other !== undefined && one.at === other.at && one.node === other.node && one.text === other.text;

export function Logs({ run, node, setNode, isOpen, height }: { run: string; node: string; setNode?: (node: string) => void; isOpen: boolean; height: number | string }) {
  const [typed, setTyped] = useState("");
  const [words] = useDebouncedValue(typed.trim(), TYPING_MS);
  const [marked, setMarked] = useState<Line>();
  // The line that was chosen is looked for without the words, once they are gone.
  const [wanted, setWanted] = useState<Line>();
  const log = useLog(run, node, words, isOpen);
  const { lines, isFirst, isLast, isLoading, error, shift, around } = log;
  const dark = useIsDark();
  const box = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(isOpen);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 20 });

  useEffect(() => {
    if (shift && box.current) box.current.scrollTop += shift * HEIGHT;
  }, [shift, lines]);
  useEffect(() => {
    if (isFollowing && isLast && lines.length) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [isFollowing, isLast, lines.length, rows]);
  useEffect(() => {
    if (!wanted || words) return;
    setWanted(undefined);
    setFollowing(false);
    around(wanted);
  }, [wanted, words, around]);
  const markedAt = useMemo(() => (marked ? lines.findIndex((line) => isSame(line, marked)) : -1), [lines, marked]);
  const shownMark = useRef<Line>(undefined);
  useEffect(() => {
    if (markedAt < 0 || words || shownMark.current === marked) return;
    shownMark.current = marked;
    rows.scrollToIndex(markedAt, { align: "center" });
  }, [markedAt, marked, words, rows]);

  const choose = useCallback((line: Line) => {
    setMarked(line);
    setWanted(line);
    setTyped("");
  }, []);
  const toLast = () => {
    setFollowing(true);
    if (!isLast) log.toLast();
    else if (lines.length) rows.scrollToIndex(lines.length - 1, { align: "end" });
  };
  const toFirst = () => {
    setFollowing(false);
    if (!isFirst) log.toFirst();
    if (box.current) box.current.scrollTop = 0;
  };

  return (
    <div className="panel">
      <Group p="xs" gap="xs" style={{ borderBottom: "1px solid var(--line)" }}>
        {setNode && <ChooseNode run={run} node={node} setNode={setNode} />}
        <TextInput size="xs" w={220} leftSection={<SearchIcon size={13} />} placeholder="Lines with this text" aria-label="Search in the logs" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} rightSection={typed && <ActionIcon size="xs" variant="subtle" color="gray" aria-label="Show all lines" onClick={() => setTyped("")}><X size={13} /></ActionIcon>} />
        <Group gap="xs" ml="auto">
          <Text size="xs" c="dimmed" aria-live="polite">{isLoading ? "" : `${counted(lines.length, "line")}${words ? ", with that text" : ""}${isFirst && isLast ? "" : ", and more"}`}</Text>
          <Button size="compact-xs" variant="default" leftSection={<ArrowUpToLine size={13} />} onClick={toFirst}>First</Button>
          <Button size="compact-xs" variant={isFollowing && isOpen ? "filled" : "default"} aria-pressed={isOpen ? isFollowing : undefined} leftSection={<ArrowDownToLine size={13} />} onClick={toLast}>{isOpen ? "Follow" : "Last"}</Button>
        </Group>
      </Group>
      {error !== null && <div style={{ padding: 8 }}><Failed error={error} /></div>}
      {isLoading ? <Loading what="logs" /> : lines.length === 0 ? (
        words ? <Empty title="No line has that text" /> : <Empty title="Nothing was printed">{isOpen ? "Lines appear here as soon as an operator prints them." : "The operators of this run printed nothing, or their output was removed."}</Empty>
      ) : (
        <div
          ref={box} className="logs" style={{ height }} tabIndex={0} role="log" aria-label="Logs" aria-live="off"
          onWheel={(event) => event.deltaY < 0 && setFollowing(false)}
          onScroll={(event) => {
            const at = event.currentTarget;
            const below = at.scrollHeight - at.scrollTop - at.clientHeight;
            if (isLast && below < AT_END_PX) setFollowing(true);
            if (at.scrollTop < AHEAD_PX) log.earlier();
            if (below < AHEAD_PX) log.later();
          }}
        >
          <div style={{ height: rows.getTotalSize(), position: "relative" }}>
            {rows.getVirtualItems().map((row) => (
              <LineRow key={row.index} line={lines[row.index]} top={row.start} isMarked={row.index === markedAt} withNode={!node} dark={dark} choose={words ? choose : undefined} />
            ))}
          </div>
        </div>
      )}
    </div>
  );
}

const CHOICES = 50;

function ChooseNode({ run, node, setNode }: { run: string; node: string; setNode: (node: string) => void }) {
  const [words, setWords] = useState("");
  const [query] = useDebouncedValue(words === node ? "" : words, 200);
  const found = useQuery({ queryKey: ["names", run, query], queryFn: ({ signal }) => get<Nodes>(`/runs/${part(run)}/nodes`, { q: query, limit: CHOICES }, signal), placeholderData: keepPreviousData });
  const names = found.data?.nodes.map((one) => one.name) ?? [];
  return (
    <Select
      size="xs" w={220} data={node && !names.includes(node) ? [node, ...names] : names} value={node || null} placeholder="All nodes" aria-label="Logs of" searchable searchValue={words} onSearchChange={setWords} filter={({ options }) => options}
      clearable clearButtonProps={{ "aria-label": "All nodes" }} nothingFoundMessage="No node of that name" onChange={(value) => setNode(value ?? "")}
    />
  );
}
