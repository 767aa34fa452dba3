import { Group, Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import type { Node, Run } from "../api/types";
import { counted, duration } from "../ui/format";
import { Empty, useNow } from "../ui/pieces";
import { useIsDark } from "../ui/states";
import { LOOKS } from "../ui/theme";

const HEIGHT = 26;
const NAME = 180;
// At the right, for durations beside bars that end there.
const SIDE = 64;
const TICKS = 5;

/** Round steps for an axis from 0 to a number of seconds. */
export function ticks(total: number): number[] {
  const rough = total / TICKS;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1e-3)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const found: number[] = [];
  for (let at = 0; at <= total; at += step) found.push(at);
  return found;
}

export function Timeline({ run, nodes, select, selected, height }: { run: Run; nodes: readonly Node[]; select: (node: string) => void; selected: string | undefined; height: number }) {
  const now = useNow(500);
  const dark = useIsDark();
  const box = useRef<HTMLDivElement>(null);
  const began = Date.parse(run.submitted_at);
  const rows = useMemo(() => nodes.filter((node) => node.started_at).sort((one, other) => Date.parse(one.started_at!) - Date.parse(other.started_at!) || one.index - other.index), [nodes]);
  const total = Math.max(0.001, ((run.ended_at ? Date.parse(run.ended_at) : now) - began) / 1000);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => HEIGHT, overscan: 15 });
  const at = (time: string | null) => ((time ? Date.parse(time) : now) - began) / 1000 / total;
  if (!rows.length) return <div className="panel"><Empty title="Nothing has started yet" /></div>;
  return (
    <div className="panel" style={{ padding: "8px 16px 12px" }}>
      <Group justify="space-between" mb={4}>
        <Text size="xs" c="dimmed">{counted(rows.length, "node")} in the order of their start; the last attempt of each</Text>
        <Text size="xs" c="dimmed">{duration(total)} in all</Text>
      </Group>
      <div style={{ position: "relative", marginLeft: NAME, marginRight: SIDE, height: 18, borderBottom: "1px solid var(--line)" }} aria-hidden>
        {ticks(total).map((tick) => <span key={tick} style={{ position: "absolute", left: `${(tick / total) * 100}%`, fontSize: 11, color: "var(--soft)", whiteSpace: "nowrap", transform: tick / total > 0.95 ? "translateX(-100%)" : tick ? "translateX(-50%)" : undefined }}>{tick ? duration(tick) : "0"}</span>)}
      </div>
      <div ref={box} style={{ maxHeight: height, overflowY: "auto" }} tabIndex={0} role="list" aria-label="Timeline">
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
          {virtual.getVirtualItems().map((row) => {
            const node = rows[row.index];
            const [from, to] = [at(node.started_at), at(node.ended_at)];
            const took = node.duration_s ?? (now - Date.parse(node.started_at!)) / 1000;
            return (
              <div key={node.index} role="listitem" className="timeline-row row-link" style={{ transform: `translateY(${row.start}px)`, background: node.name === selected ? "color-mix(in srgb, #2577d2 12%, transparent)" : undefined }} onClick={() => select(node.name)}>
                <button type="button" className="cut" style={{ all: "unset", cursor: "pointer", width: NAME - 12, fontSize: 13, overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" }} title={node.name}>{node.name}</button>
                <div style={{ position: "absolute", left: NAME, right: SIDE, top: 5, bottom: 5 }} title={`${node.name}: ${LOOKS[node.state].word}, ${duration(took)}`}>
                  <span style={{ position: "absolute", left: 0, width: `${Math.max(0, from) * 100}%`, top: 7, height: 2, background: "var(--line)" }} />
                  <span style={{ position: "absolute", left: `${from * 100}%`, width: `max(3px, ${(to - from) * 100}%)`, top: 0, bottom: 0, borderRadius: 4, background: LOOKS[node.state].ink[dark ? 1 : 0], opacity: 0.88 }} />
                  <span style={{ position: "absolute", left: `calc(${to * 100}% + 6px)`, fontSize: 11, lineHeight: "16px", color: "var(--mantine-color-text)", whiteSpace: "nowrap" }}>{duration(took)}</span>
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
