import { ActionIcon, Button, Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ChevronDown, ChevronUp, Search as SearchIcon } from "lucide-react";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { get, getStream, part } from "../api/client";
import type { Nodes } from "../api/types";
import { clock, counted } from "../ui/format";
import { Empty, Failed, Loading } from "../ui/pieces";
import { useIsDark } from "../ui/states";
import { pieces, plain } from "./ansi";

interface Line {
  node: string;
  attempt: number;
  at: string;
  text: string;
}

const HEIGHT = 19;
const LINES_MAX = 500_000;
const CHARS_MAX = 4_000;
const AT_END_PX = 30;
const RETRY_MS = 1_500;
// Black to white, on light and on dark ground.
const COLOURS = [
  ["#333", "#aaa"], ["#b3261e", "#ff8f86"], ["#1b6e3c", "#6fcf92"], ["#7a5a00", "#e0b94f"], ["#155fa8", "#74b3f0"], ["#7b2d8e", "#d79be8"], ["#0f6a72", "#62c8d2"], ["#444", "#eee"],
];

/** Lines from the first one on, then as they come; a lost connection is resumed where it broke. */
function useLines(run: string, node: string, isOpen: boolean): { lines: readonly Line[]; isLoading: boolean; error: unknown; isCut: boolean } {
  const [shown, setShown] = useState<{ lines: readonly Line[]; isLoading: boolean; error: unknown; isCut: boolean }>({ lines: [], isLoading: true, error: null, isCut: false });
  const follow = useRef(isOpen);
  useEffect(() => {
    const stop = new AbortController();
    let lines: Line[] = [];
    let frame = 0;
    let isLoading = true;
    let error: unknown = null;
    const draw = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setShown({ lines: lines.slice(), isLoading, error, isCut: lines.length >= LINES_MAX });
      });
    };
    const read = async () => {
      const answer = await getStream(`/runs/${part(run)}/logs`, { node, follow: follow.current }, stop.signal);
      error = null;
      // After a reconnection the lines come again from the first one; those that are here stay until all are back.
      const found: Line[] = [];
      let rest = "";
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const parts = (rest + value).split("\n");
        rest = parts.pop() ?? "";
        for (const text of parts) {
          if (found.length < LINES_MAX) found.push(JSON.parse(text) as Line);
        }
        if (found.length >= lines.length) lines = found;
        isLoading = false;
        draw();
        if (lines.length >= LINES_MAX) return;
      }
    };
    const start = async () => {
      while (!stop.signal.aborted) {
        try {
          await read();
          isLoading = false;
          draw();
          return;
        } catch (found) {
          if (stop.signal.aborted) return;
          error = found;
          isLoading = false;
          draw();
          await new Promise((done) => setTimeout(done, RETRY_MS));
        }
      }
    };
    setShown({ lines: [], isLoading: true, error: null, isCut: false });
    void start();
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [run, node]);
  return shown;
}

const LineRow = memo(function LineRow({ line, top, isHit, withNode, dark }: { line: Line; top: number; isHit: boolean; withNode: boolean; dark: boolean }) {
  const text = line.text.length > CHARS_MAX ? `${line.text.slice(0, CHARS_MAX)}… (${line.text.length} characters)` : line.text;
  return (
    <div className={isHit ? "log-line hit" : "log-line"} style={{ transform: `translateY(${top}px)` }}>
      <span className="of">{clock(line.at)}</span>
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

export function Logs({ run, node, setNode, isOpen, height }: { run: string; node: string; setNode?: (node: string) => void; isOpen: boolean; height: number | string }) {
  const { lines, isLoading, error, isCut } = useLines(run, node, isOpen);
  const dark = useIsDark();
  const box = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(isOpen);
  const [words, setWords] = useState("");
  const [hit, setHit] = useState(0);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 20 });
  const hits = useMemo(() => {
    const wanted = words.toLowerCase();
    if (!wanted) return [];
    return lines.flatMap((line, index) => (plain(line.text).toLowerCase().includes(wanted) ? [index] : []));
  }, [lines, words]);
  const hitLines = useMemo(() => new Set(hits), [hits]);

  useEffect(() => {
    if (isFollowing && lines.length) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [isFollowing, lines.length, rows]);

  const goTo = (index: number) => {
    if (!hits.length) return;
    const next = (index + hits.length) % hits.length;
    setHit(next);
    setFollowing(false);
    rows.scrollToIndex(hits[next], { align: "center" });
  };

  return (
    <div className="panel">
      <Group p="xs" gap="xs" style={{ borderBottom: "1px solid var(--line)" }}>
        {setNode && <ChooseNode run={run} node={node} setNode={setNode} />}
        <TextInput
          size="xs" w={220} leftSection={<SearchIcon size={13} />} placeholder="Search" aria-label="Search in the logs" value={words}
          onChange={(event) => { setWords(event.currentTarget.value); setHit(0); }}
          onKeyDown={(event) => event.key === "Enter" && goTo(hit + (event.shiftKey ? -1 : 1))}
        />
        {words && (
          <Group gap={2}>
            <Text size="xs" c="dimmed" aria-live="polite">{hits.length ? `${hit + 1} of ${hits.length}` : "nothing found"}</Text>
            <ActionIcon size="sm" variant="subtle" color="gray" aria-label="Previous match" onClick={() => goTo(hit - 1)}><ChevronUp size={14} /></ActionIcon>
            <ActionIcon size="sm" variant="subtle" color="gray" aria-label="Next match" onClick={() => goTo(hit + 1)}><ChevronDown size={14} /></ActionIcon>
          </Group>
        )}
        <Group gap="xs" ml="auto">
          <Text size="xs" c="dimmed">{counted(lines.length, "line")}{isCut ? ", the rest is left out" : ""}</Text>
          <Button size="compact-xs" variant={isFollowing ? "filled" : "default"} aria-pressed={isFollowing} leftSection={<ArrowDownToLine size={13} />} onClick={() => setFollowing((old) => !old)}>Follow</Button>
        </Group>
      </Group>
      {error !== null && <div style={{ padding: 8 }}><Failed error={error} /></div>}
      {isLoading ? <Loading what="logs" /> : lines.length === 0 ? (
        <Empty title="Nothing was printed">{isOpen ? "Lines appear here as soon as an operator prints them." : "The operators of this run printed nothing, or their output was removed."}</Empty>
      ) : (
        <div
          ref={box} className="logs" style={{ height }} tabIndex={0} role="log" aria-label="Logs" aria-live="off"
          onWheel={(event) => event.deltaY < 0 && setFollowing(false)}
          onScroll={(event) => {
            const at = event.currentTarget;
            if (isOpen && at.scrollHeight - at.scrollTop - at.clientHeight < AT_END_PX) setFollowing(true);
          }}
        >
          <div style={{ height: rows.getTotalSize(), position: "relative" }}>
            {rows.getVirtualItems().map((row) => (
              <LineRow key={row.index} line={lines[row.index]} top={row.start} isHit={hitLines.has(row.index)} withNode={!node} dark={dark} />
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
