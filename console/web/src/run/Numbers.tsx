// Numbers of an array in sum: extremes, a histogram, a matrix as a picture. Colours go from low to high, readable without hue.
import { Group, Stack, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { count, counted, figure } from "../ui/format";

interface Histogram { from: number; to: number; counts: number[] }
export interface Summed { dtype: string; shape: number[]; min?: number; max?: number; mean?: number | string; not_finite?: number; histogram?: Histogram; grid?: (number | string)[][] }

const WIDTH = 320;
const HEIGHT = 90;
const SIDE_MAX = 240;
// Of the map "viridis", which keeps its order in grey and for colour-blind readers.
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

export function colourOf(share: number): [number, number, number] {
  const at = Math.min(0.9999, Math.max(0, share)) * (STOPS.length - 1);
  const low = STOPS[Math.floor(at)];
  const high = STOPS[Math.floor(at) + 1];
  return [0, 1, 2].map((part) => Math.round(low[part] + (high[part] - low[part]) * (at % 1))) as [number, number, number];
}

export function Numbers({ of }: { of: Summed }) {
  const shape = of.shape.length ? of.shape.map(count).join(" × ") : "one value";
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <div className="tile"><b>{shape}</b><span>{of.dtype}</span></div>
        {of.min !== undefined && <div className="tile"><b title={String(of.min)}>{figure(of.min)}</b><span>least</span></div>}
        {of.mean !== undefined && <div className="tile"><b title={String(of.mean)}>{typeof of.mean === "number" ? figure(of.mean) : of.mean}</b><span>mean</span></div>}
        {of.max !== undefined && <div className="tile"><b title={String(of.max)}>{figure(of.max)}</b><span>greatest</span></div>}
        {!!of.not_finite && <div className="tile"><b>{count(of.not_finite)}</b><span>not finite</span></div>}
      </Group>
      <Group gap="xl" align="flex-start">
        {of.histogram && <Bars of={of.histogram} />}
        {of.grid && <HeatMap grid={of.grid} shape={of.shape} />}
      </Group>
    </Stack>
  );
}

function Bars({ of }: { of: Histogram }) {
  const most = Math.max(1, ...of.counts);
  const width = WIDTH / of.counts.length;
  const step = (of.to - of.from) / of.counts.length;
  return (
    <figure style={{ margin: 0, maxWidth: "100%" }}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} style={{ maxWidth: "100%", display: "block" }} role="img" aria-label={`Histogram from ${figure(of.from)} to ${figure(of.to)}`}>
        {of.counts.map((many, at) => <rect key={at} x={at * width + 0.5} width={Math.max(1, width - 1)} y={HEIGHT - (HEIGHT * many) / most} height={(HEIGHT * many) / most} fill="#2577d2"><title>{`${figure(of.from + at * step)} to ${figure(of.from + (at + 1) * step)}: ${count(many)}`}</title></rect>)}
        <line x1={0} x2={WIDTH} y1={HEIGHT} y2={HEIGHT} stroke="var(--line)" />
      </svg>
      <Group justify="space-between" component="figcaption"><Text size="xs" c="dimmed">{figure(of.from)}</Text><Text size="xs" c="dimmed">how many have which value</Text><Text size="xs" c="dimmed">{figure(of.to)}</Text></Group>
    </figure>
  );
}

function HeatMap({ grid, shape }: { grid: (number | string)[][]; shape: number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rows, columns] = [grid.length, grid[0].length];
  const numbers = grid.flat().filter((value): value is number => typeof value === "number");
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const image = context.createImageData(columns, rows);
    grid.flat().forEach((value, at) => {
      const colour = typeof value === "number" ? colourOf(high > low ? (value - low) / (high - low) : 0.5) : [128, 128, 128];
      image.data.set([...colour, 255], 4 * at);
    });
    context.putImageData(image, 0, 0);
  }, [grid, rows, columns, low, high]);
  const scale = SIDE_MAX / Math.max(rows, columns);
  const [height, width] = shape.slice(-2);
  return (
    <figure style={{ margin: 0, maxWidth: "100%" }}>
      <canvas ref={canvas} width={columns} height={rows} role="img" aria-label={`Heat map from ${figure(low)} to ${figure(high)}`} style={{ width: columns * scale, height: rows * scale, maxWidth: "100%", imageRendering: "pixelated", borderRadius: 4, display: "block" }} />
      <Text size="xs" c="dimmed" component="figcaption" mt={4}>{shape.length > 2 ? `The first of ${counted(shape.slice(0, -2).reduce((product, size) => product * size, 1), "matrix").replace("matrixs", "matrices")}, ` : ""}{rows < height || columns < width ? "each cell the mean of a block, " : ""}{figure(low)} dark, {figure(high)} light</Text>
    </figure>
  );
}
