import { Group, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Search as SearchIcon } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { part } from "../api/client";
import type { Node, Nodes } from "../api/types";
import { between, count, counted, duration, functionName } from "../ui/format";
import { Empty, Failed, Loading, useNow } from "../ui/pieces";
import { StateIcon, StateWord } from "../ui/states";
import { LOOKS, type State } from "../ui/theme";
import { isEnded, type Live } from "./useRun";
import { useWindow } from "./useWindow";

const HEIGHT = 38;
const TYPING_MS = 250;
const COLUMNS = "130px minmax(160px, 2fr) minmax(120px, 1.4fr) 90px 70px minmax(90px, 1fr)";
const ORDERS = { plan: "Plan", state: "State", "-duration": "Duration" } as const;
export const URGENCY = ["failed", "running", "cancelled", "waiting", "skipped", "not_taken", "mapped", "succeeded"] as const;

interface Props {
  run: string;
  live: Live;
  states: string[];
  words: string;
  order: string;
  change: (changed: Record<string, string | string[]>) => void;
  selected: string | undefined;
  select: (node: string) => void;
  height: number;
}

export const NODE_PAGE = (answer: Nodes): { rows: Node[]; total: number } => ({ rows: answer.nodes, total: answer.total });

export function NodesTable({ run, live, states, words, order, change, selected, select, height }: Props) {
  const now = useNow(isEnded(live.state) ? 60_000 : 1_000);
  const box = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(words);
  const search = useDebouncedCallback((q: string) => change({ q }), TYPING_MS);
  const counts = live.nodes.counts();
  const { size } = live.nodes;
  const { total, row: nodeAt, error, show } = useWindow<Nodes, Node>(["of-run", run, "window"], `/runs/${part(run)}/nodes`, { state: states, q: words, order: order in ORDERS ? order : "plan" }, NODE_PAGE, live.version);
  const rows = useVirtualizer({ count: total ?? 0, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => show(first, last));
  const toggle = (state: State) => change({ node_state: states.includes(state) ? states.filter((one) => one !== state) : [...states, state] });

  return (
    <div className="panel">
      <Group p="xs" gap="xs">
        <TextInput size="xs" w={220} leftSection={<SearchIcon size={13} />} placeholder="Name or operator" aria-label="Find nodes" value={text} onChange={(event) => { setText(event.currentTarget.value); search(event.currentTarget.value); }} />
        <Group gap={4} role="group" aria-label="States">
          {URGENCY.filter((state) => counts[state] || states.includes(state)).map((state) => (
            <button key={state} type="button" className="chip" aria-pressed={states.includes(state)} onClick={() => toggle(state)}><StateIcon state={state} size={12} />{LOOKS[state].word}<b>{count(counts[state])}</b></button>
          ))}
        </Group>
        <label style={{ marginLeft: "auto", fontSize: 13, color: "var(--soft)" }}>
          Order <select value={order} onChange={(event) => change({ order: event.currentTarget.value })} style={{ font: "inherit", color: "var(--mantine-color-text)", background: "var(--panel)", border: "1px solid var(--line)", borderRadius: 6, padding: "3px 6px" }}>
            {Object.entries(ORDERS).map(([name, word]) => <option key={name} value={name}>{word}</option>)}
          </select>
        </label>
      </Group>
      <div style={{ overflowX: "auto" }}>
        <div role="table" aria-label="Nodes" aria-rowcount={(total ?? -2) + 1} style={{ minWidth: 720 }}>
          <div role="row" style={{ display: "grid", gridTemplateColumns: COLUMNS, gap: 12, padding: "6px 16px", borderTop: "1px solid var(--line)", borderBottom: "1px solid var(--line)", fontSize: 13, fontWeight: 600 }}>
            {["State", "Node", "Operator", "Duration", "Attempts", "Worker"].map((head) => <span key={head} role="columnheader">{head}</span>)}
          </div>
          {error !== undefined ? <div style={{ padding: 12 }}><Failed error={error} /></div> : total === undefined ? <Loading what="nodes" /> : total === 0 ? <Empty title={size ? "No node matches" : "This run has no nodes"} /> : (
            <div ref={box} style={{ height: Math.min(height, total * HEIGHT + 2), overflow: "auto" }} tabIndex={0} role="rowgroup" aria-label="Nodes">
              <div style={{ height: rows.getTotalSize(), position: "relative" }}>
                {items.map((row) => {
                  const node = nodeAt(row.index);
                  if (!node) return <div key={`row ${row.index}`} role="row" aria-rowindex={row.index + 2} style={{ position: "absolute", top: 0, left: 16, height: HEIGHT, transform: `translateY(${row.start}px)`, color: "var(--soft)", lineHeight: `${HEIGHT}px` }}><span role="cell">…</span></div>;
                  return (
                    <div
                      key={node.index} role="row" aria-rowindex={row.index + 2} className="row-link" aria-selected={node.name === selected}
                      style={{ position: "absolute", top: 0, left: 0, right: 0, height: HEIGHT, transform: `translateY(${row.start}px)`, display: "grid", gridTemplateColumns: COLUMNS, gap: 12, alignItems: "center", padding: "0 16px", borderBottom: "1px solid var(--line)", background: node.name === selected ? "color-mix(in srgb, #2577d2 12%, transparent)" : undefined }}
                      onClick={() => select(node.name)}
                    >
                      <span role="cell"><StateWord state={node.state} /></span>
                      <span role="cell" className="cut"><button type="button" className="row-button cut" onClick={() => select(node.name)} title={node.name}>{node.name}</button></span>
                      <span role="cell" className="cut" title={node.operator}><Text span size="sm" c="dimmed">{functionName(node.operator)}</Text></span>
                      <span role="cell" style={{ fontVariantNumeric: "tabular-nums", fontSize: 14 }}>{duration(node.duration_s ?? (node.state === "running" ? between(node.started_at, null, now) : null))}</span>
                      <span role="cell" style={{ fontSize: 14 }}>{node.attempts || "–"}</span>
                      <span role="cell" className="cut" title={node.worker}><Text span size="sm" c="dimmed">{node.worker}</Text></span>
                    </div>
                  );
                })}
              </div>
            </div>
          )}
        </div>
      </div>
      <Text size="xs" c="dimmed" p="xs">{total === undefined || total === size ? counted(size, "node") : `${count(total)} of ${counted(size, "node")}`}</Text>
    </div>
  );
}
