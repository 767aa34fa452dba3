// The items of a node within a map: how many are in which state, and a window of them.
import { ActionIcon, Group, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { part } from "../api/client";
import type { Node, Nodes } from "../api/types";
import { between, count, counted, duration } from "../ui/format";
import { Empty, Failed, Loading, useNow } from "../ui/pieces";
import { StateBar, StateIcon, StateWord } from "../ui/states";
import { LOOKS, type State } from "../ui/theme";
import { NODE_PAGE, URGENCY } from "./NodesTable";
import { totalOf } from "./store";
import { isEnded, type Live } from "./useRun";
import { useWindow } from "./useWindow";

const HEIGHT = 34;
const TICK_MS = 1_000;

interface Props {
  run: string;
  node: Node;
  live: Live;
  close: () => void;
  select: (node: string) => void;
  height: number;
}

export function Items({ run, node, live, close, select, height }: Props) {
  const [state, setState] = useState<State>();
  const now = useNow(isEnded(live.state) ? 60 * TICK_MS : TICK_MS);
  const box = useRef<HTMLDivElement>(null);
  const counts = live.nodes.countsOfItems(node.index);
  const total = totalOf(counts);
  const { total: found, row: itemAt, error, show } = useWindow<Nodes, Node>(["of-run", run, "items", node.name], `/runs/${part(run)}/nodes`, { item_of: node.name, ...(state ? { state } : {}) }, NODE_PAGE, live.version);
  const rows = useVirtualizer({ count: found ?? 0, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 10 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => show(first, last));
  return (
    <section className="panel" aria-label={`Items of ${node.name}`} style={{ minWidth: 0, padding: 14 }}>
      <Group justify="space-between" wrap="nowrap" gap="xs" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Text fw={650} fz={17} component="h2" m={0} className="cut" title={node.name}>{node.name}</Text>
          <Text size="sm" c="dimmed">{total ? `${counted(total, "item")}, each a node of its own` : "Its items are not known yet."}</Text>
        </div>
        <ActionIcon variant="subtle" color="gray" aria-label="Close the items" onClick={close}><X size={17} /></ActionIcon>
      </Group>
      {total > 0 && (
        <>
          <div style={{ margin: "10px 0" }}><StateBar counts={counts} /></div>
          <Group gap={4} role="group" aria-label="States of the items" mb="xs">
            {URGENCY.filter((one) => one !== "mapped" && counts[one]).map((one) => (
              <button key={one} type="button" className="chip" aria-pressed={one === state} onClick={() => setState(one === state ? undefined : one)}><StateIcon state={one} size={12} />{LOOKS[one].word}<b>{count(counts[one])}</b></button>
            ))}
          </Group>
          {error !== undefined ? <Failed error={error} /> : found === undefined ? <Loading what="items" /> : found === 0 ? <Empty title="No item is in this state" /> : (
            <div ref={box} role="list" aria-label={`Items of ${node.name}`} tabIndex={0} style={{ height: Math.min(height, found * HEIGHT + 2), overflow: "auto", borderTop: "1px solid var(--line)" }}>
              <div style={{ height: rows.getTotalSize(), position: "relative" }}>
                {items.map((row) => {
                  const item = itemAt(row.index);
                  return (
                    <div key={row.index} role="listitem" className="item-row" style={{ height: HEIGHT, transform: `translateY(${row.start}px)` }}>
                      {item ? (
                        <button type="button" className="item" onClick={() => select(item.name)}>
                          <span className="cut" style={{ flex: 1 }} title={item.name}>{item.name}</span>
                          {item.attempts > 1 && <span style={{ color: "var(--soft)" }}>try {item.attempts}</span>}
                          <span style={{ color: "var(--soft)", fontVariantNumeric: "tabular-nums" }}>{duration(item.duration_s ?? (item.state === "running" ? between(item.started_at, null, now) : null))}</span>
                          <StateWord state={item.state} />
                        </button>
                      ) : <span style={{ color: "var(--soft)" }}>…</span>}
                    </div>
                  );
                })}
              </div>
            </div>
          )}
        </>
      )}
    </section>
  );
}
