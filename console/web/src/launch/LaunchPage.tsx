import { Alert, Anchor, Button, Group, Menu, MultiSelect, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Copy, History, Play } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { ApiError, get, getText, part, post } from "../api/client";
import type { Channels, Form, Inputs, Plan, Run, Runs, Verdict, Workflows } from "../api/types";
import { functionName, moment } from "../ui/format";
import { packed, textOf, unpacked, type Search } from "../ui/links";
import { Empty, Failed, Loading, Page } from "../ui/pieces";
import { StateIcon } from "../ui/states";
import { asCommand, asCurl, asPython, bodyOf, type Launching } from "./copies";
import { nearest, parseExact } from "./exact";
import { fieldOf, resolved, type Json, type Schema } from "./fields";
import type { Stored } from "./Reference";
import { check, ofServer, type Errors } from "./validation";
import { Fields, Widget, withPart, type FormContext } from "./Widgets";

const VERDICT_AFTER_MS = 400;

interface Start {
  inputs: { [name: string]: Json };
  stored: Record<string, Stored>;
  team: string;
  pool: string;
  priority: number;
  labels: { [name: string]: string };
  notify: string[];
}

interface Opened {
  schema: Schema;
  workflow: string;
  plan: string;
  doc: string;
  start: Start;
}

/** Everything that the form begins with: the schema, and the values of its defaults, of a link or of another run. */
async function open(search: Search): Promise<Opened | null> {
  const again = textOf(search.again);
  const run = again ? await get<Run>(`/runs/${part(again)}`) : undefined;
  const reference = textOf(search.workflow) ?? run?.launched_as ?? "";
  const plan = textOf(search.plan) ?? (reference ? "" : (run?.plan ?? ""));
  if (!reference && !plan) return null;
  const { schema, doc, named } = reference ? await ofWorkflow(reference) : await ofPlan(plan);
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const inputs: { [name: string]: Json } = {};
  for (const [name, one] of Object.entries(properties)) {
    const found = resolved(one, schema);
    if (found && "default" in found) inputs[name] = found.default as Json;
  }
  const stored: Record<string, Stored> = {};
  const filled = unpacked(textOf(search.form)) as Partial<Start> | undefined;
  if (again) {
    const { values } = parseExact(await getText(`/runs/${part(again)}/inputs`)) as Inputs;
    for (const one of values) {
      if (!(one.name in properties)) continue;
      delete inputs[one.name];
      if (one.artifact === null) inputs[one.name] = one.json as Json;
      else stored[one.name] = { artifact: { artifact: one.artifact, codec: one.codec, size_bytes: Number(nearest(one.size_bytes)), type: one.type }, from: `as in run ${again.slice(-12)}` };
    }
  }
  return {
    schema, doc, workflow: reference, plan: named ? "" : plan,
    start: {
      inputs: filled?.inputs ?? inputs, stored: { ...stored, ...filled?.stored }, team: filled?.team ?? run?.team ?? "", pool: filled?.pool ?? (run && run.pool !== "default" ? run.pool : ""),
      priority: filled?.priority ?? run?.priority ?? 0, labels: filled?.labels ?? run?.labels ?? {}, notify: filled?.notify ?? [],
    },
  };
}

async function ofWorkflow(reference: string): Promise<{ schema: Schema; doc: string; named: boolean }> {
  const [name, which = "latest"] = reference.split("@");
  const form = await get<Form>(`/workflows/${part(name)}/versions/${part(which)}/form`);
  return { schema: form.schema as Schema, doc: String((form.schema as Schema).description ?? ""), named: true };
}

/** A plan without a name: the schemas of its inputs, put together. */
async function ofPlan(plan: string): Promise<{ schema: Schema; doc: string; named: boolean }> {
  const found = await get<Plan>(`/plans/${part(plan)}`);
  const definitions: Schema = {};
  const properties: Schema = {};
  for (const one of found.inputs) {
    const { $defs, ...schema } = one.schema as Schema & { $defs?: Schema };
    Object.assign(definitions, $defs);
    properties[one.name] = { ...schema, ...(one.required ? {} : { default: one.default }), ...(one.doc ? { description: one.doc } : {}) };
  }
  const required = found.inputs.filter((one) => one.required).map((one) => one.name);
  return { schema: { type: "object", title: found.name, properties, required, additionalProperties: false, $defs: definitions }, doc: found.doc, named: false };
}

export function LaunchPage() {
  const search = useSearch({ strict: false }) as Search;
  const opened = useQuery({ queryKey: ["launch", search], queryFn: () => open(search), staleTime: Infinity, gcTime: 0 });
  if (opened.isPending) return <Page title="Launch"><Loading what="the form" /></Page>;
  if (opened.isError) return <Page title="Launch"><Failed error={opened.error} retry={() => void opened.refetch()} /></Page>;
  if (opened.data === null) return <Choose />;
  return <LaunchForm key={`${opened.data.workflow} ${opened.data.plan} ${textOf(search.again) ?? ""}`} opened={opened.data} />;
}

function Choose() {
  const navigate = useNavigate();
  const [words, setWords] = useState("");
  const [query] = useDebouncedValue(words, 200);
  const found = useQuery({ queryKey: ["workflows", query], queryFn: ({ signal }) => get<Workflows>("/workflows", { q: query, limit: 50 }, signal) });
  return (
    <Page title="Launch" subtitle="Choose a deployed workflow">
      <div className="panel" style={{ padding: 16, maxWidth: 640 }}>
        <Select label="Workflow" placeholder="Type a part of its name" searchable searchValue={words} onSearchChange={setWords} filter={({ options }) => options} nothingFoundMessage={found.isPending ? "Searching…" : "No workflow of that name is deployed"} data={found.data?.workflows.map((one) => one.name) ?? []} onChange={(name) => name && void navigate({ to: "/launch" as string, search: { workflow: name } as never })} />
        {found.data?.workflows.length === 0 && !query && <Empty title="No workflow is deployed yet">Deploy one: <span className="mono">penstock deploy FILE.py --team TEAM</span></Empty>}
      </div>
    </Page>
  );
}

function LaunchForm({ opened }: { opened: Opened }) {
  const { schema, workflow, plan, doc } = opened;
  const navigate = useNavigate();
  const [state, setState] = useState<Start>(opened.start);
  const [isTried, setTried] = useState(false);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const field = useMemo(() => fieldOf(schema, "", schema), [schema]);
  const artifacts = useMemo(() => Object.fromEntries(Object.entries(state.stored).flatMap(([name, one]) => ("artifact" in one ? [[name, one.artifact]] : []))), [state.stored]);
  const inputs = useMemo(() => Object.fromEntries(Object.entries(state.inputs).filter(([name]) => !(name in artifacts))), [state.inputs, artifacts]);
  const own = useMemo(() => check(schema, nearest(inputs), new Set(Object.keys(artifacts))), [schema, inputs, artifacts]);
  const verdict = useVerdict(workflow, inputs, artifacts);
  const launching: Launching = { workflow, plan, inputs, artifacts, team: state.team, pool: state.pool, priority: state.priority, labels: state.labels, notify: state.notify };
  const launch = useMutation({
    mutationFn: () => post<Run>("/runs", bodyOf(launching)),
    onSuccess: (run) => void navigate({ to: `/runs/${run.run}` as string }),
  });
  const refused = launch.error instanceof ApiError ? ofServer(launch.error.faults) : new Map<string, string>();
  const all = new Map([...verdict, ...own, ...refused]);
  // A form that was just opened is not full of red: a field complains once it was changed, all do once a launch was tried.
  const errors: Errors = isTried ? all : new Map([...all].filter(([pointer]) => touched.has(pointer.split("/")[1] ?? "")));
  const context: FormContext = { root: schema, errors, stored: state.stored, setStored: (name, value) => setState((old) => ({ ...old, stored: withPart(old.stored, name, value) })) };
  const submit = () => {
    setTried(true);
    if (all.size === refused.size) launch.mutate();
    else requestAnimationFrame(() => document.querySelector<HTMLElement>("form [aria-invalid='true']")?.focus());
  };
  const link = () => `${window.location.origin}/launch?${workflow ? `workflow=${encodeURIComponent(workflow)}` : `plan=${plan}`}&form=${packed({ ...state, inputs })}`;
  const copy = (what: string, text: string) => void navigator.clipboard.writeText(text).then(() => notifications.show({ message: `Copied ${what}` }), () => notifications.show({ message: "The browser does not allow copying here", color: "red" }));
  const top = field.kind === "record" ? field.fields : [];

  return (
    <Page title={`Launch ${workflow || functionName(String(schema.title ?? ""))}`} subtitle={doc} actions={workflow && <AsInRun workflow={workflow} />}>
      <form onSubmit={(event) => { event.preventDefault(); submit(); }} noValidate style={{ maxWidth: 760 }}>
        <Stack gap="md">
          <Stack gap="md" className="panel" p="md">
            {top.length === 0 && <Text size="sm" c="dimmed">This workflow takes no inputs.</Text>}
            <Fields fields={top} widget={({ name, field: part, isRequired }) => (
              <Widget
                field={part} value={state.inputs[name]} pointer={`/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`} label={part.title || name} isRequired={isRequired} context={context}
                change={(value) => { setTouched((old) => new Set([...old, name])); setState((old) => ({ ...old, inputs: withPart(old.inputs, name, value) })); launch.reset(); }}
              />
            )} />
          </Stack>
          <Options state={state} change={(changed) => setState((old) => ({ ...old, ...changed }))} />
          {isTried && all.size > 0 && <Alert color="red" variant="outline" title={`${all.size === 1 ? "One input is" : `${all.size} inputs are`} not right yet`} role="alert"><ul style={{ margin: 0, paddingLeft: 18, fontSize: 14 }}>{[...all].slice(0, 10).map(([pointer, text]) => <li key={pointer}><b>{pointer.slice(1).replaceAll("/", ".") || "inputs"}</b> {text}</li>)}</ul></Alert>}
          {launch.isError && refused.size === 0 && <Failed error={launch.error} />}
          <Group>
            <Button type="submit" loading={launch.isPending} leftSection={<Play size={15} />}>Launch</Button>
            <Menu shadow="md" position="top-start">
              <Menu.Target><Button variant="default" leftSection={<Copy size={15} />}>Copy as…</Button></Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => copy("the link", link())}>Link to this form</Menu.Item>
                <Menu.Item onClick={() => copy("the command", asCommand(launching))} disabled={Object.keys(artifacts).length > 0}>Command line</Menu.Item>
                <Menu.Item onClick={() => copy("the program", asPython(launching, window.location.origin))}>Python</Menu.Item>
                <Menu.Item onClick={() => copy("the request", asCurl(launching, window.location.origin))}>curl</Menu.Item>
              </Menu.Dropdown>
            </Menu>
            {workflow && <Anchor component={Link} to={`/workflows/${workflow.split("@")[0]}` as string} size="sm">All versions</Anchor>}
          </Group>
        </Stack>
      </form>
    </Page>
  );
}

const EARLIER = 20;

/** Fills the form in as an earlier run of the workflow was launched. */
function AsInRun({ workflow }: { workflow: string }) {
  const navigate = useNavigate();
  const [isOpen, setOpen] = useState(false);
  const name = workflow.split("@")[0];
  const found = useQuery({ queryKey: ["earlier", name], queryFn: ({ signal }) => get<Runs>("/runs", { name, limit: EARLIER }, signal), enabled: isOpen });
  return (
    <Menu shadow="md" position="bottom-end" opened={isOpen} onChange={setOpen}>
      <Menu.Target><Button variant="default" leftSection={<History size={15} />}>As in run…</Button></Menu.Target>
      <Menu.Dropdown mah={360} style={{ overflowY: "auto" }}>
        {found.isPending ? <Menu.Label>Loading…</Menu.Label> : found.isError ? <Menu.Label>{found.error.message}</Menu.Label> : found.data.runs.length === 0 ? <Menu.Label>It has not run yet</Menu.Label> : found.data.runs.map((run) => (
          <Menu.Item key={run.run} leftSection={<StateIcon state={run.state} />} onClick={() => void navigate({ to: "/launch" as string, search: { workflow, again: run.run } as never })}>
            {moment(run.submitted_at)} <Text span size="xs" c="dimmed">{run.launched_as} by {run.user}{Object.entries(run.labels).slice(0, 2).map(([label, value]) => `, ${label}: ${value}`)}</Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** What the State Tracker would say, without a launch; nothing while it is not known. */
function useVerdict(workflow: string, inputs: { [name: string]: Json }, artifacts: { [name: string]: unknown }): Errors {
  const body = useMemo(() => ({ inputs, artifacts }), [inputs, artifacts]);
  const [asked] = useDebouncedValue(body, VERDICT_AFTER_MS);
  const [name, which = "latest"] = workflow.split("@");
  const verdict = useQuery({ queryKey: ["verdict", workflow, asked], queryFn: () => post<Verdict>(`/workflows/${part(name)}/versions/${part(which)}:validate`, asked), enabled: workflow !== "", gcTime: 0, retry: false });
  return asked === body && verdict.data ? ofServer(verdict.data.errors) : new Map();
}

function Options({ state, change }: { state: Start; change: (changed: Partial<Start>) => void }) {
  const [words, setWords] = useState(() => Object.entries(state.labels).map(([name, value]) => `${name}=${value}`).join(", "));
  const [isOpen, setOpen] = useState(Boolean(state.team || state.pool || state.priority || words || state.notify.length));
  const channels = useQuery({ queryKey: ["channels"], queryFn: ({ signal }) => get<Channels>("/notifications/channels", {}, signal), enabled: isOpen, retry: false });
  useEffect(() => {
    const pairs = words.split(",").map((one) => one.trim()).filter(Boolean).map((one): [string, string] => [one.split("=")[0].trim(), one.split("=").slice(1).join("=").trim()]);
    change({ labels: Object.fromEntries(pairs) });
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [words]);
  return (
    <details className="panel" style={{ padding: "10px 16px" }} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary style={{ cursor: "pointer", fontWeight: 600, fontSize: 14 }}>Options</summary>
      <Stack gap="sm" mt="sm">
        <Group grow align="flex-start">
          <TextInput label="Team" placeholder="That of the workflow" value={state.team} onChange={(event) => change({ team: event.currentTarget.value })} maxLength={200} />
          <TextInput label="Pool" placeholder="default" value={state.pool} onChange={(event) => change({ pool: event.currentTarget.value })} maxLength={200} />
          <NumberInput label="Priority" description={undefined} value={state.priority} allowDecimal={false} onChange={(value) => change({ priority: Number(value) || 0 })} />
        </Group>
        <TextInput label="Labels" placeholder="ticket=42, owner=Ada" value={words} onChange={(event) => setWords(event.currentTarget.value)} />
        <MultiSelect
          label="Notify" description="Channels that get a message when the run ends" placeholder={state.notify.length ? undefined : channels.data?.channels.length === 0 ? "There are no channels yet" : "Nobody"} inputWrapperOrder={["label", "description", "input", "error"]}
          data={[...new Set([...state.notify, ...(channels.data?.channels.map((one) => one.name) ?? [])])]} value={state.notify} onChange={(notify) => change({ notify })} searchable clearable clearButtonProps={{ "aria-label": "Notify nobody" }}
        />
      </Stack>
    </details>
  );
}
