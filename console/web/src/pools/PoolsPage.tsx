import { Badge, Box, Group, Progress, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { get } from "../api/client";
import type { Pool, Pools, Worker, Workers } from "../api/types";
import { bytes, counted } from "../ui/format";
import { Empty, Failed, Loading, Page } from "../ui/pieces";

const EVERY_MS = 2_000;

export function PoolsPage() {
  const pools = useQuery({ queryKey: ["pools"], queryFn: ({ signal }) => get<Pools>("/pools", {}, signal), refetchInterval: EVERY_MS });
  const workers = useQuery({ queryKey: ["workers"], queryFn: ({ signal }) => get<Workers>("/workers", {}, signal), refetchInterval: EVERY_MS });
  if (pools.isPending || workers.isPending) return <Page title="Workers"><Loading what="pools and workers" /></Page>;
  return (
    <Page title="Workers">
      {(pools.error ?? workers.error) !== null && <Failed error={pools.error ?? workers.error} />}
      {pools.data?.pools.length === 0 && <div className="panel"><Empty title="There is no pool yet">A pool exists once a worker has joined it: <span className="mono">penstock worker</span></Empty></div>}
      {pools.data?.pools.map((pool) => <PoolView key={pool.pool} pool={pool} workers={(workers.data?.workers ?? []).filter((one) => one.pool === pool.pool)} />)}
    </Page>
  );
}

function Used({ name, used, capacity, shown }: { name: string; used: number; capacity: number; shown: (value: number) => string }) {
  return (
    <div style={{ minWidth: 150, flex: 1, maxWidth: 260 }}>
      <Group justify="space-between" gap="xs"><Text size="xs" c="dimmed">{name}</Text><Text size="xs">{shown(used)} of {shown(capacity)}</Text></Group>
      <Progress value={capacity ? (100 * used) / capacity : 0} size="sm" aria-label={`${name} used`} />
    </div>
  );
}

const cores = (value: number): string => String(Math.round(value * 100) / 100);

function PoolView({ pool, workers }: { pool: Pool; workers: Worker[] }) {
  return (
    <Box component="section" className="panel" p="md">
      <Stack gap="sm">
        <Group gap="md">
          <Text fw={650} fz={17} component="h2" m={0}>{pool.pool}</Text>
          <Text size="sm" c="dimmed">{counted(pool.workers, "worker")}, {pool.granted} running, {pool.queued} queued{pool.delayed ? `, ${pool.delayed} delayed` : ""}</Text>
        </Group>
        <Group gap="lg">
          <Used name="Cores" used={pool.used.cpu} capacity={pool.capacity.cpu} shown={cores} />
          <Used name="Memory" used={pool.used.memory_bytes} capacity={pool.capacity.memory_bytes} shown={bytes} />
          {pool.capacity.gpu > 0 && <Used name="GPUs" used={pool.used.gpu} capacity={pool.capacity.gpu} shown={String} />}
        </Group>
        {workers.length === 0 ? <Text size="sm" c="dimmed">No worker is connected. What needs this pool waits until one joins.</Text> : (
          <Box style={{ overflowX: "auto" }}>
            <Table miw={680} aria-label={`Workers of ${pool.pool}`}>
              <Table.Thead><Table.Tr>{["Worker", "Host", "Actions", "Cores", "Memory", "Labels", "Version"].map((head) => <Table.Th key={head}>{head}</Table.Th>)}</Table.Tr></Table.Thead>
              <Table.Tbody>
                {workers.map((one) => (
                  <Table.Tr key={one.worker}>
                    <Table.Td maw={220}><Text size="sm" fw={550} className="cut" title={one.worker}>{one.worker}</Text>{one.draining && <Badge color="orange.9" size="xs">draining</Badge>}</Table.Td>
                    <Table.Td maw={180}><Text size="sm" className="cut" title={one.host}>{one.host}</Text></Table.Td>
                    <Table.Td>{one.actions}</Table.Td>
                    <Table.Td>{cores(one.used.cpu)} of {cores(one.capacity.cpu)}</Table.Td>
                    <Table.Td>{bytes(one.used.memory_bytes)} of {bytes(one.capacity.memory_bytes)}</Table.Td>
                    <Table.Td><Group gap={4}>{Object.entries(one.capacity.labels).map(([name, value]) => <span key={name} className="label">{name}={value}</span>)}</Group></Table.Td>
                    <Table.Td><Text size="sm" c="dimmed">{one.version}</Text></Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Box>
        )}
      </Stack>
    </Box>
  );
}
