// Charts of Vega-Lite. Expressions are interpreted, as nothing may be evaluated here, and no chart may load anything.
import { Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useIsDark } from "../ui/states";

const SCHEMA = /^https:\/\/vega\.github\.io\/schema\/vega-lite\/v\d+(\.\d+)*\.json$/;
const SPEC_CHARS_MAX = 4 * 2 ** 20;

export const isChart = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && SCHEMA.test(String((value as Record<string, unknown>).$schema));

// As wide as its place; what is put together from several charts has widths of its own.
const FITTED = { width: "container", autosize: { type: "fit-x", contains: "padding" } };
const LOADS_NOTHING = "a chart has its data within it, and loads nothing";

/** Says on the page what went wrong, instead of in the browser's console. */
function quiet(say: (problem: string) => void) {
  const logger = { level: () => logger, error: (...what: unknown[]) => { say(what.map(String).join(" ")); return logger; }, warn: () => logger, info: () => logger, debug: () => logger };
  return logger;
}

export function Chart({ spec }: { spec: Record<string, unknown> }) {
  const place = useRef<HTMLDivElement>(null);
  const dark = useIsDark();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let view: { finalize: () => void } | undefined;
    let isGone = false;
    const draw = async () => {
      if (JSON.stringify(spec).length > SPEC_CHARS_MAX) throw new Error("the chart is larger than 4 MiB");
      const [vega, lite, { expressionInterpreter }] = await Promise.all([import("vega"), import("vega-lite"), import("vega-interpreter")]);
      const ink = dark ? "#c9d1d9" : "#24292f";
      const axis = { labelColor: ink, titleColor: ink, gridColor: dark ? "#363b42" : "#dfe3e8", domainColor: ink, tickColor: ink };
      const config = { background: "transparent", axis, legend: { labelColor: ink, titleColor: ink }, title: { color: ink }, view: { stroke: dark ? "#363b42" : "#dfe3e8" }, font: "system-ui, sans-serif" };
      const compiled = lite.compile({ ...("mark" in spec || "layer" in spec ? FITTED : {}), ...spec } as never, { config: config as never }).spec;
      const refused = () => { setProblem(LOADS_NOTHING); return Promise.reject(new Error(LOADS_NOTHING)); };
      if (isGone || !place.current) return;
      const loader = { load: refused, sanitize: refused, http: refused, file: refused } as never;
      const drawn = new vega.View(vega.parse(compiled, undefined, { ast: true }), { expr: expressionInterpreter, loader, renderer: "svg", logger: quiet(setProblem), container: place.current, hover: true } as never);
      view = drawn;
      await drawn.runAsync();
      place.current.querySelector("svg")?.setAttribute("aria-label", typeof spec.title === "string" ? spec.title : "Chart");
    };
    setProblem("");
    draw().catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      isGone = true;
      view?.finalize();
    };
  }, [spec, dark]);
  return <>{problem && <Text size="sm" c="dimmed">Not all of the chart: {problem}</Text>}<div ref={place} style={{ overflowX: "auto", width: "100%", maxWidth: 720 }} /></>;
}
