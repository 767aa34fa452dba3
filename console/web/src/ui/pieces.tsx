// Small pieces that all pages share.
import { ActionIcon, Alert, Anchor, Button, Center, CopyButton, Group, Loader, Stack, Text, Title, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Check, Copy, Inbox, RotateCw, TriangleAlert } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { ApiError } from "../api/client";

export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Page({ title, subtitle, actions, children }: { title: ReactNode; subtitle?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    if (typeof title === "string") document.title = `${title} – Penstock`;
  }, [title]);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ minWidth: 0, flex: "1 1 300px" }}>
          <Title order={1} fz={22} lh={1.3} className="cut">{title}</Title>
          {subtitle !== undefined && <Text c="dimmed" size="sm" component="div">{subtitle}</Text>}
        </div>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export function Loading({ what, height = 160 }: { what: string; height?: number }) {
  return (
    <Center h={height} role="status" aria-label={`Loading ${what}`}>
      <Group gap="sm"><Loader size="sm" /><Text c="dimmed" size="sm">Loading {what}…</Text></Group>
    </Center>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Center mih={180} p="lg">
      <Stack align="center" gap={6} maw={560}>
        <Inbox size={30} strokeWidth={1.4} color="var(--soft)" aria-hidden />
        <Text fw={600}>{title}</Text>
        {children !== undefined && <Text c="dimmed" size="sm" ta="center" component="div">{children}</Text>}
      </Stack>
    </Center>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const found = error instanceof ApiError ? error : undefined;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <Alert color="red" variant="outline" icon={<TriangleAlert size={18} />} title={found?.status === 404 ? "Not found" : "This cannot be shown"} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>{text}</Text>
        {found?.requestId && <Text size="xs" c="dimmed">Request {found.requestId}</Text>}
        {retry && <Button size="xs" variant="default" leftSection={<RotateCw size={14} />} onClick={retry}>Try again</Button>}
      </Stack>
    </Alert>
  );
}

export function Copied({ text, what }: { text: string; what: string }) {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : `Copy ${what}`}>
          <ActionIcon variant="subtle" color="gray" size="sm" onClick={copy} aria-label={`Copy ${what}`}>
            {copied ? <Check size={14} /> : <Copy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

export function RunLink({ run, children }: { run: string; children?: ReactNode }) {
  return (
    <Anchor component={Link} to={`/runs/${run}` as string} className="mono" inherit>{children ?? run.slice(-12)}</Anchor>
  );
}

/** A node of another run. */
export function NodeLink({ run, node }: { run: string; node: string }) {
  return <Anchor component={Link} to={`/runs/${run}` as string} search={{ node } as never} inherit>{node} of <span className="mono">{run.slice(-12)}</span></Anchor>;
}

export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <dl className="fact">
      {of.map(([name, value]) => [<dt key={`${name}-name`}>{name}</dt>, <dd key={name}>{value}</dd>])}
    </dl>
  );
}
