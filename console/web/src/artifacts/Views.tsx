// Views that teams have written: workflows that take a value and return what to draw. They run on workers; here is only data.
import { Anchor, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answerOf, get, part, post } from "../api/client";
import type { Form, Lineage, Result, Run, Workflow, Workflows } from "../api/types";
import { Chart } from "../run/Chart";
import { Markdown } from "../run/Markdown";
import { Sandbox } from "../run/Sandbox";
import { ShownValue } from "../run/Values";
import { Failed, RunLink } from "../ui/pieces";
import { type Rendering, imageType, renderingOf } from "./rendering";

const PREFIX = "render.";
const RENDERERS_MAX = 50;
const WAIT_S = 30;
const WAITS_MAX = 40;

interface Renderer { name: string; version: number; input: string; doc: string }

/** The renderers whose only input is of this type. */
async function renderersOf(type: string, signal: AbortSignal): Promise<Renderer[]> {
  const { workflows } = await get<Workflows>("/workflows", { q: "render", limit: RENDERERS_MAX }, signal);
  const found = await Promise.all(workflows.filter((one) => one.name.startsWith(PREFIX)).map(async (one: Workflow) => {
    const form = await get<Form>(`/workflows/${part(one.name)}/versions/${one.latest}/form`, {}, signal);
    const inputs = Object.entries((form.schema.properties ?? {}) as Record<string, Record<string, unknown>>);
    return inputs.length === 1 && inputs[0][1]["x-kind"] === type ? { name: one.name, version: one.latest, input: inputs[0][0], doc: one.doc } : undefined;
  }));
  return found.filter((one) => one !== undefined);
}

/** Run a renderer, or find the run that did it before: the key makes it the same one. */
async function render(of: Lineage, by: Renderer, signal: AbortSignal): Promise<{ run: string; shown: Rendering }> {
  const value = { artifact: of.artifact, codec: of.codec, type: of.type, size_bytes: of.size_bytes };
  const body = { workflow: `${by.name}@${by.version}`, artifacts: { [by.input]: value }, labels: { view: by.name } };
  const { run } = await post<Run>("/runs", body, { "Idempotency-Key": `view-${of.artifact}-${by.name}@${by.version}` });
  for (let waits = 0; waits < WAITS_MAX; waits += 1) {
    const result = await get<Result>(`/runs/${part(run)}/result`, { wait_s: WAIT_S, preview: true }, signal);
    if (result.outputs) return { run, shown: await renderingOf(result.outputs, (href) => fetch(href, { signal }).then(answerOf).then((answer) => answer.json())) };
    if (result.failure) throw new Error(`${result.failure.type}: ${result.failure.message}`);
    if (result.state === "cancelled") throw new Error("the run of the renderer was cancelled");
  }
  throw new Error("the renderer has not ended in 20 minutes");
}

export function Views({ of }: { of: Lineage }) {
  const [chosen, setChosen] = useState<Renderer>();
  const found = useQuery({ queryKey: ["renderers", of.type], queryFn: ({ signal }) => renderersOf(of.type, signal), staleTime: 60_000 });
  const drawn = useQuery({ queryKey: ["view", of.artifact, chosen?.name, chosen?.version], queryFn: ({ signal }) => render(of, chosen!, signal), enabled: chosen !== undefined, staleTime: Infinity, retry: false });
  if (!found.data?.length) return null;
  return (
    <section className="panel" style={{ padding: 16 }} aria-label="Views">
      <Group gap="xs" mb={chosen ? "sm" : 0}>
        <Text fw={600} component="h2" m={0} mr="xs">Views</Text>
        {found.data.map((one) => <Button key={one.name} size="xs" variant={chosen?.name === one.name ? "filled" : "default"} title={one.doc} onClick={() => setChosen(one)}>{one.name.slice(PREFIX.length)}</Button>)}
      </Group>
      {chosen && (drawn.isPending ? <Group gap="xs" role="status"><Loader size="xs" /><Text size="sm" c="dimmed">{chosen.name} is running on a worker…</Text></Group> : drawn.isError ? <Failed error={drawn.error} /> : (
        <Stack gap={6}>
          <Drawn of={drawn.data.shown} title={chosen.name} />
          <Text size="xs" c="dimmed">Drawn by <Anchor href={`/workflows/${part(chosen.name)}`} inherit underline="always">{chosen.name}@{chosen.version}</Anchor> in run <RunLink run={drawn.data.run} /></Text>
        </Stack>
      ))}
    </section>
  );
}

function Drawn({ of, title }: { of: Rendering; title: string }) {
  switch (of.kind) {
    case "markdown":
      return <Markdown text={of.text} />;
    case "html":
      return <Sandbox html={of.text} title={title} />;
    case "image":
      return <img src={`data:${imageType(of.text)};base64,${of.text}`} alt={title} style={{ maxWidth: "100%", borderRadius: 6, background: "#fff" }} />;
    case "vega_lite":
      return <Chart spec={of.json as Record<string, unknown>} />;
    case "table":
      return <ShownValue value={of.json} />;
  }
}
