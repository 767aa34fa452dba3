import { useComputedColorScheme } from "@mantine/core";
import { Ban, Check, CircleDashed, Layers, LoaderCircle, Minus, SkipForward, X } from "lucide-react";
import { LOOKS, type State } from "./theme";

const ICONS = { waiting: CircleDashed, running: LoaderCircle, succeeded: Check, failed: X, skipped: SkipForward, cancelled: Ban, cancelling: LoaderCircle, not_taken: Minus, mapped: Layers };

export const useIsDark = (): boolean => useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";

export function StateIcon({ state, size = 15 }: { state: State; size?: number }) {
  const dark = useIsDark();
  const Icon = ICONS[state];
  const turns = state === "running" || state === "cancelling";
  return <Icon size={size} strokeWidth={2.6} color={LOOKS[state].ink[dark ? 1 : 0]} className={turns ? "turning" : ""} aria-hidden />;
}

export function StateWord({ state }: { state: State }) {
  const dark = useIsDark();
  return (
    <span className="state" style={{ color: LOOKS[state].ink[dark ? 1 : 0] }}>
      <StateIcon state={state} />
      {LOOKS[state].word}
    </span>
  );
}

export type CountsOf = Partial<Record<State, number>>;
const ORDER: State[] = ["succeeded", "failed", "cancelled", "skipped", "not_taken", "running", "waiting"];

export function StateBar({ counts }: { counts: CountsOf }) {
  const dark = useIsDark();
  const shown = ORDER.filter((state) => counts[state]);
  const text = shown.map((state) => `${counts[state]} ${LOOKS[state].word.toLowerCase()}`).join(", ");
  return (
    <div className="bar" role="img" aria-label={text || "no nodes"} title={text}>
      {shown.map((state) => (
        <span key={state} style={{ flex: counts[state], background: LOOKS[state].ink[dark ? 1 : 0], opacity: state === "waiting" ? 0.25 : 1 }} />
      ))}
    </div>
  );
}
