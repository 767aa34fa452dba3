import { Group, Text, TextInput } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { Search as SearchIcon } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import type { Node } from "../api/types";
import { between, counted, duration, functionName } from "../ui/format";
import { Empty, useNow } from "../ui/pieces";
import { StateIcon, StateWord } from "../ui/states";
import { LOOKS, type State } from "../ui/theme";
import { countsOf } from "./store";

const HEIGHT = 38;
const COLUMNS = "130px minmax(160px, 2fr) minmax(120px, 1.4fr) 90px 70px minmax(90px, 1fr)";
const ORDERS = { plan: "Plan", state: "State", duration: "Duration" } as const;
const URGENCY: State[] = ["failed", "running", "cancelled", "waiting", "skipped", "succeeded"];

interface Props {
  nodes: readonly Node[];
  states: string[];
  words: string;
  order: string;
  change: (changed: Record<string, string | string[]>) => void;
  selected: string | undefined;
  select: (node: string) => void;
  height: number;
}

export function NodesTable({ nodes, states, words, order, change, selected, select, height }: Props) {
  const now = useNow(1_000);
  const box = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(words);
  const counts = useMemo(() => countsOf(nodes), [nodes]);
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    const found = nodes.filter((node) => (!states.length || states.includes(node.state)) && (!wanted || node.name.toLowerCase().includes(wanted) || node.operator.toLowerCase().includes(wanted)));
    if (order === "duration") found.sort((one, other) => (other.duration_s ?? -1) - (one.duration_s ?? -1));
    if (order === "state") found.sort((one, other) => URGENCY.indexOf(one.state) - URGENCY.indexOf(other.state) || one.index - other.index);
    return found;
  }, [nodes, states, text, order]);
  const rows = useVirtualizer({ count: shown.length, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 10 });
  const toggle = (state: State) => change({ node_state: states.includes(state) ? states.filter((one) => one !== state) : [...states, state] });

  return (
    <div className="panel">
      <Group p="xs" gap="xs">
        <TextInput size="xs" w={220} leftSection={<SearchIcon size={13} />} placeholder="Name or operator" aria-label="Find nodes" value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={() => change({ q: text })} />
        <Group gap={4} role="group" aria-label="States">
          {URGENCY.filter((state) => counts[state] || states.includes(state)).map((state) => (
            <button key={state} type="button" className="chip" aria-pressed={states.includes(state)} onClick={() => toggle(state)}><StateIcon state={state} size={12} />{LOOKS[state].word}<b>{counts[state]}</b></button>
          ))}
        </Group>
        <label style={{ marginLeft: "auto", fontSize: 13, color: "var(--soft)" }}>
          Order <select value={order} onChange={(event) => change({ order: event.currentTarget.value })} style={{ font: "inherit", color: "var(--mantine-color-text)", background: "var(--panel)", border: "1px solid var(--line)", borderRadius: 6, padding: "3px 6px" }}>
            {Object.entries(ORDERS).map(([name, word]) => <option key={name} value={name}>{word}</option>)}
          </select>
        </label>
      </Group>
      <div style={{ overflowX: "auto" }}>
        <div role="table" aria-label="Nodes" aria-rowcount={shown.length + 1} style={{ minWidth: 720 }}>
          <div role="row" style={{ display: "grid", gridTemplateColumns: COLUMNS, gap: 12, padding: "6px 16px", borderTop: "1px solid var(--line)", borderBottom: "1px solid var(--line)", fontSize: 13, fontWeight: 600 }}>
            {["State", "Node", "Operator", "Duration", "Attempts", "Worker"].map((head) => <span key={head} role="columnheader">{head}</span>)}
          </div>
          {shown.length === 0 ? <Empty title={nodes.length ? "No node matches" : "This run has no nodes"} /> : (
            <div ref={box} style={{ height: Math.min(height, shown.length * HEIGHT + 2), overflow: "auto" }} tabIndex={0} role="rowgroup" aria-label="Nodes">
              <div style={{ height: rows.getTotalSize(), position: "relative" }}>
                {rows.getVirtualItems().map((row) => {
                  const node = shown[row.index];
                  return (
                    <div
                      key={node.index} role="row" aria-rowindex={row.index + 2} className="row-link" aria-selected={node.name === selected}
                      style={{ position: "absolute", top: 0, left: 0, right: 0, height: HEIGHT, transform: `translateY(${row.start}px)`, display: "grid", gridTemplateColumns: COLUMNS, gap: 12, alignItems: "center", padding: "0 16px", borderBottom: "1px solid var(--line)", background: node.name === selected ? "color-mix(in srgb, #2577d2 12%, transparent)" : undefined }}
                      onClick={() => select(node.name)}
                    >
                      <span role="cell"><StateWord state={node.state} /></span>
                      <span role="cell" className="cut"><button type="button" className="cut" onClick={() => select(node.name)} title={node.name} style={{ all: "unset", cursor: "pointer", fontWeight: 550, fontSize: 14, maxWidth: "100%" }}>{node.name}</button></span>
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
      <Text size="xs" c="dimmed" p="xs">{shown.length === nodes.length ? counted(nodes.length, "node") : `${shown.length} of ${counted(nodes.length, "node")}`}</Text>
    </div>
  );
}
