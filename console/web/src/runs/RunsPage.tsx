import { Alert, Box, Button, Checkbox, Group, Select, Table, Text, TextInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { GitCompareArrows, Play, Search as SearchIcon, Unplug, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { get } from "../api/client";
import type { ListedRun, Runs } from "../api/types";
import { ago, between, count, duration, functionName, moment, shortId } from "../ui/format";
import { listOf, textOf, type Search } from "../ui/links";
import { Empty, Failed, Loading, Page, useNow } from "../ui/pieces";
import { StateBar, StateIcon, StateWord } from "../ui/states";
import { LOOKS, type State } from "../ui/theme";
import { BulkCancel } from "./BulkCancel";
import { useCounts, useRuns } from "./useRuns";
import { Views } from "./Views";

const STATES: State[] = ["running", "cancelling", "succeeded", "failed", "cancelled"];
const COMPARED_MAX = 6;

export function RunsPage() {
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [chosen, setChosen] = useState<string[]>([]);
  const now = useNow(1_000);
  const states = listOf(search.state);
  const filters = { q: textOf(search.q), workflow: textOf(search.workflow), name: textOf(search.name), team: textOf(search.team), user: textOf(search.user), label: listOf(search.label), state: states };
  const change = (changed: Search) => void navigate({ to: "/runs" as string, search: { ...search, ...changed } as never, replace: true });

  const { runs, found, isConnected } = useRuns(filters);
  const isFiltered = Object.values(filters).some((value) => value !== undefined && value.length > 0);
  const toggle = (run: string) => setChosen((old) => (old.includes(run) ? old.filter((one) => one !== run) : [...old, run].slice(-COMPARED_MAX)));

  return (
    <Page
      title="Runs"
      actions={
        <>
          <Views search={search} show={(next) => void navigate({ to: "/runs" as string, search: next as never })} />
          {isFiltered && <BulkCancel filter={filters} />}
          {chosen.length > 1 && (
            <Button variant="default" leftSection={<GitCompareArrows size={16} />} onClick={() => void navigate({ to: "/compare" as string, search: { run: chosen } as never })}>
              Compare {chosen.length}
            </Button>
          )}
          <Button component={Link} to={"/workflows" as string} leftSection={<Play size={15} />}>Launch</Button>
        </>
      }
    >
      <Filters search={search} states={states} change={change} />
      {!isConnected && <Alert color="orange" variant="outline" icon={<Unplug size={18} />} role="status">The gateway does not respond. What is shown may be old; it goes on as soon as the gateway is back.</Alert>}
      {runs.isError && <Failed error={runs.error} retry={() => void runs.refetch()} />}
      {runs.isPending ? (
        <Loading what="runs" />
      ) : found.length === 0 ? (
        !runs.isError && (
          <div className="panel">
            {isFiltered ? (
              <Empty title="No run matches these filters"><Button variant="default" size="xs" mt={6} onClick={() => change({ state: [], workflow: "", team: "", user: "", q: "", name: "", label: [] })}>Show all runs</Button></Empty>
            ) : (
              <Empty title="Nothing has run yet">Launch a <Link to={"/workflows" as string}>deployed workflow</Link>, or run one from a file: <span className="mono">penstock run hello.py:hello</span></Empty>
            )}
          </div>
        )
      ) : (
        <Box className="panel" style={{ overflowX: "auto" }}>
          <Table miw={860} layout="fixed" aria-label="Runs, newest first">
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={48}><span className="visually-hidden">Compare</span></Table.Th>
                <Table.Th w={126}>State</Table.Th><Table.Th>Workflow</Table.Th><Table.Th w={126}>Nodes</Table.Th>
                <Table.Th w={112}>Duration</Table.Th><Table.Th w={122}>Submitted</Table.Th><Table.Th w={112}>By</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.map((run) => <Row key={run.run} run={run} now={now} isChosen={chosen.includes(run.run)} toggle={() => toggle(run.run)} />)}
            </Table.Tbody>
          </Table>
        </Box>
      )}
      {runs.hasNextPage && (
        <Group justify="center"><Button variant="default" loading={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>Show older runs</Button></Group>
      )}
    </Page>
  );
}

function Row({ run, now, isChosen, toggle }: { run: ListedRun; now: number; isChosen: boolean; toggle: () => void }) {
  const navigate = useNavigate();
  const to = `/runs/${run.run}`;
  return (
    <Table.Tr
      className="row-link"
      onClick={(event) => {
        if (!(event.target as HTMLElement).closest("a, input, label, button")) void navigate({ to: to as string });
      }}
    >
      <Table.Td><Checkbox size="xs" checked={isChosen} onChange={toggle} aria-label={`Compare run ${shortId(run.run)} of ${run.workflow}`} /></Table.Td>
      <Table.Td><StateWord state={run.state} /></Table.Td>
      <Table.Td>
        <Link to={to as string} className="plain"><Text fw={600} size="sm" className="cut" title={run.workflow}>{run.launched_as ?? functionName(run.workflow)}</Text></Link>
        <Group gap={6} wrap="nowrap" style={{ overflow: "hidden" }}>
          <Text span size="xs" c="dimmed" className="mono">{shortId(run.run)}</Text>
          {run.team && <span className="label cut">{run.team}</span>}
          {Object.entries(run.labels).slice(0, 3).map(([name, value]) => <span key={name} className="label cut" title={`${name}: ${value}`}>{name}: {value}</span>)}
        </Group>
        {run.failure_text && <Text size="xs" className="cut" style={{ color: "var(--mantine-color-error)" }} title={run.failure_text}>{run.failed_node}: {run.failure_text}</Text>}
      </Table.Td>
      <Table.Td>
        {run.counts && (run.state === "running" || run.state === "cancelling") ? <StateBar counts={run.counts} /> : null}
        <Text size="sm" c="dimmed">{run.counts && run.state === "running" ? `${count(run.counts.succeeded)} of ${count(run.nodes)}` : count(run.nodes)}</Text>
      </Table.Td>
      <Table.Td style={{ fontVariantNumeric: "tabular-nums" }}>{duration(between(run.submitted_at, run.ended_at, now))}</Table.Td>
      <Table.Td><Tooltip label={moment(run.submitted_at)}><Text size="sm">{ago(run.submitted_at, now)}</Text></Tooltip></Table.Td>
      <Table.Td><Text size="sm" className="cut" title={run.user}>{run.user}</Text></Table.Td>
    </Table.Tr>
  );
}

function Filters({ search, states, change }: { search: Search; states: string[]; change: (changed: Search) => void }) {
  const [words, setWords] = useState(textOf(search.q) ?? "");
  const sent = useRef(words);
  const later = useDebouncedCallback((value: string) => {
    sent.current = value;
    change({ q: value });
  }, 300);
  // A view that is chosen has its own words; those that are being typed stay.
  const asked = textOf(search.q) ?? "";
  useEffect(() => {
    if (asked !== sent.current) setWords(asked);
    sent.current = asked;
  }, [asked]);
  const counts = useCounts({ q: textOf(search.q), workflow: textOf(search.workflow), name: textOf(search.name), team: textOf(search.team), user: textOf(search.user), label: listOf(search.label) });
  const known = useQuery({ queryKey: ["workflow-names"], queryFn: () => get<Runs>("/runs", { limit: 200 }), staleTime: 30_000 });
  const teams = [...new Set(known.data?.runs.map((run) => run.team).filter(Boolean))].sort();
  const toggle = (state: string) => change({ state: states.includes(state) ? states.filter((one) => one !== state) : [...states, state] });
  return (
    <Group gap="sm" align="center">
      <TextInput
        w={{ base: "100%", xs: 280 }} leftSection={<SearchIcon size={15} />} placeholder="Part of a workflow's name" aria-label="Workflow" value={words} list="workflow-names"
        onChange={(event) => { setWords(event.currentTarget.value); later(event.currentTarget.value); }}
      />
      <datalist id="workflow-names">{[...new Set(known.data?.runs.map((run) => run.workflow))].map((name) => <option key={name} value={name} />)}</datalist>
      {teams.length > 0 && <Select w={150} placeholder="Any team" aria-label="Team" data={teams} value={textOf(search.team) ?? null} clearable clearButtonProps={{ "aria-label": "Any team" }} onChange={(team) => change({ team: team ?? "" })} />}
      <Group gap={6} role="group" aria-label="States">
        {STATES.filter((state) => state !== "cancelling" || (counts[state] ?? "0") !== "0" || states.includes(state)).map((state) => (
          <button key={state} type="button" className="chip" aria-pressed={states.includes(state)} onClick={() => toggle(state)}>
            <StateIcon state={state} size={13} /> {LOOKS[state].word}{counts[state] !== undefined && <b>{counts[state]}</b>}
          </button>
        ))}
      </Group>
      {(["workflow", "name", "user", "label"] as const).flatMap((kind) => listOf(search[kind]).map((value) => (
        <button key={`${kind} ${value}`} type="button" className="chip" aria-pressed onClick={() => change({ [kind]: listOf(search[kind]).filter((one) => one !== value) })} title="Remove this filter"><span className="cut" style={{ maxWidth: 220 }}>{value}</span> <X size={13} aria-label="remove" /></button>
      )))}
    </Group>
  );
}
