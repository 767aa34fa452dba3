import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, RotateCw, TriangleAlert } from "lucide-react";
import { get } from "../api/client";
import type { Findings, Info } from "../api/types";
import { Copied, Facts, Failed, Loading, Page } from "../ui/pieces";
import { useIsDark } from "../ui/states";
import { LOOKS } from "../ui/theme";

const ICONS = { ok: CircleCheck, warning: TriangleAlert, error: CircleX };
const COLOURS = { ok: "succeeded", warning: "cancelled", error: "failed" } as const;

export function HealthPage() {
  const dark = useIsDark();
  const found = useQuery({ queryKey: ["doctor"], queryFn: ({ signal }) => get<Findings>("/doctor", {}, signal), staleTime: 30_000 });
  const info = useQuery({ queryKey: ["info"], queryFn: () => get<Info>("/info"), staleTime: 600_000 });
  const order = ["error", "warning", "ok"];
  const findings = [...(found.data?.findings ?? [])].sort((one, other) => order.indexOf(one.severity) - order.indexOf(other.severity));
  return (
    <Page title="Health" actions={<Button variant="default" leftSection={<RotateCw size={15} />} loading={found.isFetching} onClick={() => void found.refetch()}>Check again</Button>}>
      {found.isPending ? <Loading what="the findings: this takes a second or two" /> : found.isError ? <Failed error={found.error} retry={() => void found.refetch()} /> : (
        <>
          <Alert color={found.data.healthy ? "green" : "red"} variant="outline" title={found.data.healthy ? "Everything works" : "Something is wrong"} role="status" />
          <Stack gap={0} className="panel">
            {findings.map((one, index) => {
              const Icon = ICONS[one.severity];
              return (
                <Group key={index} gap="sm" wrap="nowrap" align="flex-start" px="md" py={9} style={{ borderTop: index ? "1px solid var(--line)" : undefined }}>
                  <Icon size={17} color={LOOKS[COLOURS[one.severity]].ink[dark ? 1 : 0]} style={{ flex: "none", marginTop: 2 }} aria-label={one.severity} />
                  <div style={{ minWidth: 0 }}>
                    <Text size="sm"><b>{one.check}</b>: {one.text}</Text>
                    {one.remedy && <Text size="sm" c="dimmed">{one.remedy}</Text>}
                  </div>
                </Group>
              );
            })}
          </Stack>
        </>
      )}
      {info.data && (
        <div className="panel" style={{ padding: 16 }}>
          <Facts of={[["Version", info.data.version], ["Deployment", <Group key="d" gap={4}><span className="mono">{info.data.deployment}</span><Copied text={info.data.deployment} what="deployment id" /></Group>], ["Shards", String(info.data.shards)]]} />
        </div>
      )}
    </Page>
  );
}
