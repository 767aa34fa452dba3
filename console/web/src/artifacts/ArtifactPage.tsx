import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ArrowRight, Download } from "lucide-react";
import type { ReactNode } from "react";
import { get, part } from "../api/client";
import type { Artifact, Lineage, Preview, Use } from "../api/types";
import { type Fields, PreviewView } from "../run/Values";
import { StoredTable } from "../run/Table";
import { ago, bytes, className, counted, functionName, moment, shortId } from "../ui/format";
import { Views } from "./Views";
import { Copied, Facts, Failed, Loading, Page, useNow } from "../ui/pieces";

const SHOWN_MAX = 50;

export function ArtifactPage() {
  const { artifact } = useParams({ strict: false }) as { artifact: string };
  const lineage = useQuery({ queryKey: ["lineage", artifact], queryFn: ({ signal }) => get<Lineage>(`/artifacts/${part(artifact)}/lineage`, {}, signal) });
  const preview = useQuery({ queryKey: ["preview", artifact], queryFn: ({ signal }) => get<Preview>(`/artifacts/${part(artifact)}/preview`, {}, signal), staleTime: Infinity, enabled: lineage.isSuccess });
  const now = useNow(30_000);
  if (lineage.isPending) return <Page title="Artifact"><Loading what="the artifact" /></Page>;
  if (lineage.isError) return <Page title="Artifact"><Failed error={lineage.error} retry={() => void lineage.refetch()} /></Page>;
  const found = lineage.data;
  const first = found.made[0] ?? found.given[0];
  const name = first.node === null ? first.port : `${first.node}.${first.port}`;
  return (
    <Page
      title={name}
      subtitle={<span className="cut">{found.type} of {functionName(first.workflow)}</span>}
      actions={<Button component="a" href={found.href} download={name} variant="default" leftSection={<Download size={15} />}>Download</Button>}
    >
      <section className="panel" style={{ padding: 16 }}>
        <Facts of={[
          ["Type", <Anchor key="t" component={Link} to={`/artifacts?type=${part(found.type)}` as string} title="Other artifacts of this type" inherit>{found.type}</Anchor>],
          ["Size", bytes(found.size_bytes)],
          ["Encoding", found.codec],
          ["SHA-256", <Group key="h" gap={4} wrap="nowrap"><span className="mono" style={{ overflowWrap: "anywhere" }}>{found.artifact}</span><Copied text={found.artifact} what="hash" /></Group>],
          ["Recorded", `${moment(first.recorded_at)} (${ago(first.recorded_at, now)})`],
        ]} />
      </section>
      <section className="panel" style={{ padding: 16 }}>
        <Text fw={600} component="h2" m={0} mb="sm">Lineage</Text>
        <Flow found={found} name={name} />
        {found.more && <Text size="sm" c="dimmed" mt="sm">There is more of it than this: the latest is shown.</Text>}
      </section>
      <section className="panel" style={{ padding: 16 }}>
        <Text fw={600} component="h2" m={0} mb="sm">Preview</Text>
        {preview.isPending ? <Loading what="the preview" height={80} /> : preview.isError ? <Failed error={preview.error} /> : preview.data.preview === null ? <Text size="sm" c="dimmed">There is no preview of it.</Text> : found.codec === "arrow" || found.codec === "polars" ? <StoredTable artifact={found.artifact} /> : <PreviewView of={preview.data.preview as Fields} href={found.href} codec={found.codec} size={found.size_bytes} depth={0} />}
      </section>
      <Views of={found} />
    </Page>
  );
}

/** Who made it, the artifact, and who used it, from left to right. */
function Flow({ found, name }: { found: Lineage; name: string }) {
  const sources = [...found.made.map((one) => <Source key={`${one.run} ${one.node} ${one.port}`} one={one} />), ...(found.made.length === 0 ? found.given.map((one) => <Source key={`${one.run} ${one.port}`} one={one} />) : [])];
  const given = found.made.length === 0 ? [] : found.given;
  return (
    <div className="lineage">
      <Side title="Made by" count={sources.length}>{sources}</Side>
      <ArrowRight aria-hidden className="lineage-arrow" />
      <div className="lineage-card lineage-middle"><Text fw={650} size="sm" className="cut" title={name}>{name}</Text><Text size="xs" c="dimmed" className="cut">{className(found.type)}, {bytes(found.size_bytes)}</Text></div>
      <ArrowRight aria-hidden className="lineage-arrow" />
      <Side title="Used by" count={found.used.length + given.length}>
        {[...given.map((one) => <Given key={`${one.run} ${one.port}`} one={one} />), ...found.used.map((one) => <Used key={`${one.run} ${one.node} ${one.argument}`} one={one} />)]}
      </Side>
    </div>
  );
}

function Side({ title, count, children }: { title: string; count: number; children: ReactNode[] }) {
  return (
    <Stack gap={8} style={{ minWidth: 0 }} role="group" aria-label={title}>
      <Text size="xs" c="dimmed">{title}{count > 1 ? ` ${count}` : ""}</Text>
      {count === 0 ? <Text size="sm" c="dimmed">Nothing yet</Text> : children.slice(0, SHOWN_MAX)}
      {count > SHOWN_MAX && <Text size="xs" c="dimmed">and {counted(count - SHOWN_MAX, "other")}</Text>}
    </Stack>
  );
}

function Card({ to, title, note }: { to: string; title: string; note: string }) {
  return <Link to={to as string} className="lineage-card"><Text fw={600} size="sm" className="cut" title={title}>{title}</Text><Text size="xs" c="dimmed" className="cut" title={note}>{note}</Text></Link>;
}

const nodeOf = (run: string, node: string | null): string => (node ? `/runs/${run}?node=${part(node)}` : `/runs/${run}?tab=values`);

const Source = ({ one }: { one: Artifact }) => <Card to={nodeOf(one.run, one.node)} title={one.node === null ? `Input ${one.port}` : one.node} note={one.node === null ? `given to ${functionName(one.workflow)}, run ${shortId(one.run)}` : `output ${one.port} of ${functionName(one.operator ?? one.node)}, run ${shortId(one.run)}`} />;

const Given = ({ one }: { one: Artifact }) => <Card to={`/runs/${one.run}`} title={functionName(one.workflow)} note={`input ${one.port}, run ${shortId(one.run)}`} />;

const Used = ({ one }: { one: Use }) => <Card to={nodeOf(one.run, one.node)} title={one.node ?? "The run's result"} note={one.node ? `argument ${one.argument}, run ${shortId(one.run)}` : `output ${one.argument}, run ${shortId(one.run)}`} />;
