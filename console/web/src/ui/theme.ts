import { createTheme, type MantineColorsTuple } from "@mantine/core";

const water: MantineColorsTuple = [
  "#e9f4fd", "#d3e6f8", "#a5caef", "#74ade7", "#4c94df", "#3484db", "#2577d2", "#1767b5", "#0c5aa1", "#004d8d",
];

export const theme = createTheme({
  primaryColor: "water",
  primaryShade: { light: 7, dark: 7 },
  colors: { water },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "650" },
  components: {
    Table: { defaultProps: { verticalSpacing: 8, horizontalSpacing: "md" } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250 } },
    Select: { defaultProps: { comboboxProps: { shadow: "md" } } },
  },
});

/** What the end of a run waited for: [light, dark]. */
export const CRITICAL: [string, string] = ["#b44d12", "#f0a063"];

export type State = "waiting" | "running" | "succeeded" | "failed" | "skipped" | "cancelled" | "cancelling" | "not_taken" | "mapped";

export interface Look {
  /** On the page's background, for text and icons: [light, dark], each at 4.5:1 or more. */
  ink: [string, string];
  /** Of boxes: [light, dark]. */
  fill: [string, string];
  word: string;
}

export const LOOKS: Record<State, Look> = {
  waiting: { ink: ["#5b6570", "#a3adb8"], fill: ["#eef1f4", "#2c3137"], word: "Waiting" },
  running: { ink: ["#155fa8", "#74b3f0"], fill: ["#dcecfb", "#17324d"], word: "Running" },
  succeeded: { ink: ["#1b6e3c", "#6fcf92"], fill: ["#dff3e6", "#173524"], word: "Succeeded" },
  failed: { ink: ["#b3261e", "#ff8f86"], fill: ["#fde4e2", "#4a1e1c"], word: "Failed" },
  skipped: { ink: ["#6b5b8a", "#b9a7dc"], fill: ["#f0ebf8", "#2f2a3d"], word: "Skipped" },
  cancelled: { ink: ["#7a5a00", "#e0b94f"], fill: ["#fbf0d2", "#3d3215"], word: "Cancelled" },
  cancelling: { ink: ["#7a5a00", "#e0b94f"], fill: ["#fbf0d2", "#3d3215"], word: "Cancelling" },
  not_taken: { ink: ["#5b6570", "#a3adb8"], fill: ["#f4f5f7", "#25292e"], word: "Not taken" },
  mapped: { ink: ["#155fa8", "#74b3f0"], fill: ["#eef1f4", "#2c3137"], word: "Mapped" },
};
