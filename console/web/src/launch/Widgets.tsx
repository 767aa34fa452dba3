// One widget for each kind of field. A widget never changes a value by being shown.
import { ActionIcon, Anchor, Button, FileInput, Group, Input, JsonInput, NumberInput, Select, Stack, Switch, Text, Textarea, TextInput } from "@mantine/core";
import { Plus, Trash2 } from "lucide-react";
import { useId, useState, type ReactNode } from "react";
import { isRaw, parseExact } from "./exact";
import { branchOf, initial, nameOf, numberOf, type Field, type Json, type Schema } from "./fields";
import { Reference, uploaded, type Stored } from "./Reference";
import { escaped, type Errors } from "./validation";

export interface FormContext {
  root: Schema;
  errors: Errors;
  stored: Readonly<Record<string, Stored>>;
  setStored: (name: string, value: Stored | undefined) => void;
}

interface Props {
  field: Field;
  value: Json | undefined;
  change: (value: Json | undefined) => void;
  pointer: string;
  label: string;
  isRequired: boolean;
  context: FormContext;
}

const LONG = 60;

export function Widget(props: Props): ReactNode {
  const { field, value, change, pointer, label, isRequired, context } = props;
  const error = context.errors.get(pointer);
  const common = { label, description: field.doc || undefined, error, withAsterisk: isRequired && !field.isOptional, inputWrapperOrder: ["label", "description", "input", "error"] as ("label" | "description" | "input" | "error")[] };
  const none = field.isOptional ? null : undefined;
  switch (field.kind) {
    case "text": {
      const shown = typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
      const set = (words: string) => change(words === "" && (field.isOptional || field.format) ? none : words);
      if (field.format === "date") return <TextInput {...common} type="date" value={shown} onChange={(event) => set(event.currentTarget.value)} />;
      if (shown.length > LONG || shown.includes("\n")) return <Textarea {...common} autosize maxRows={12} value={shown} onChange={(event) => set(event.currentTarget.value)} />;
      return <TextInput {...common} value={shown} placeholder={PLACEHOLDERS[field.format] ?? (field.isOptional ? "None" : undefined)} onChange={(event) => set(event.currentTarget.value)} />;
    }
    case "number":
      if (field.words.length) return <FloatBox {...props} words={field.words} common={common} />;
      if (typeof value === "string" || isRaw(value)) return <JsonBox {...props} common={common} />;
      return <NumberInput {...common} value={typeof value === "number" ? value : ""} placeholder={field.isOptional ? "None" : undefined} min={field.minimum} max={field.maximum} clampBehavior="none" onChange={(next) => change(next === "" ? none : Number(next))} />;
    case "switch":
      if (field.isOptional) return <Select {...common} data={["yes", "no"]} clearable placeholder="None" value={value === true ? "yes" : value === false ? "no" : null} onChange={(next) => change(next === null ? null : next === "yes")} />;
      return <Switch label={label} description={field.doc || undefined} error={error} checked={value === true} onChange={(event) => change(event.currentTarget.checked)} />;
    case "choice": {
      const options = field.options.map((option) => JSON.stringify(option));
      const now = value === undefined || value === null ? null : JSON.stringify(value);
      if (now !== null && !options.includes(now)) options.push(now);
      return <Select {...common} data={options.map((option) => ({ value: option, label: wordOf(option) }))} value={now} clearable={field.isOptional} allowDeselect={field.isOptional} placeholder={field.isOptional ? "None" : "Choose one"} onChange={(next) => change(next === null ? none : (JSON.parse(next) as Json))} />;
    }
    case "list":
      return <List {...props} field={field} error={error} />;
    case "tuple":
      return (
        <Box label={label} doc={field.doc} error={error} toggle={<Optional {...props} />}>
          {Array.isArray(value) && <Group grow align="flex-start">{field.items.map((item, index) => <Widget key={index} field={item} value={value[index]} change={(next) => change(replaced(value, index, next ?? null))} pointer={`${pointer}/${index}`} label={`${label} ${index + 1}`} isRequired context={context} />)}</Group>}
        </Box>
      );
    case "record": {
      const inner = isObject(value) ? value : undefined;
      return (
        <Box label={label} doc={field.doc} error={error} toggle={<Optional {...props} />}>
          {inner !== undefined || !field.isOptional ? (
            <Fields fields={field.fields} widget={({ name, field: part, isRequired: needed }) => (
              <Widget field={part} value={inner?.[name]} change={(next) => change(withPart(inner ?? {}, name, next))} pointer={`${pointer}/${escaped(name)}`} label={part.title || name} isRequired={needed} context={context} />
            )} />
          ) : null}
        </Box>
      );
    }
    case "map":
      return <MapBox {...props} field={field} error={error} />;
    case "union": {
      const at = value === null || value === undefined ? -1 : branchOf(field.options, value);
      return (
        <Box label={label} doc={field.doc} error={error}>
          <Select aria-label={`Kind of ${label}`} data={field.options.map((option, index) => ({ value: String(index), label: option.title || nameOf(option) }))} value={at < 0 ? null : String(at)} clearable={field.isOptional} allowDeselect={false} placeholder={field.isOptional ? "None" : "Choose one"} onChange={(next) => change(next === null ? none : (initial(field.options[Number(next)], context.root) ?? none))} />
          {at >= 0 && <Widget field={field.options[at]} value={value} change={change} pointer={pointer} label={label} isRequired={isRequired} context={{ ...context, errors: withoutOwn(context.errors, pointer) }} />}
        </Box>
      );
    }
    case "stored":
    case "file": {
      const name = pointer.slice(1);
      if (name.includes("/")) return <JsonBox {...props} common={common} />;
      const given = context.stored[name];
      return (
        <Input.Wrapper {...common} labelElement="div">
          <Stack gap="xs">
          {field.kind === "file" && !(given && "artifact" in given) && <FileInput aria-label={`Choose a file to upload for ${label}`} placeholder="Choose a file to upload" onChange={(file) => file && void uploaded(file).then((stored) => context.setStored(name, stored), (reason: unknown) => context.setStored(name, { problem: String(reason) }))} />}
          {value !== undefined && value !== null && !given ? (
            <Group gap="xs"><Text size="sm" className="mono cut" maw={420}>{JSON.stringify(value)}</Text><Anchor component="button" type="button" size="sm" onClick={() => change(none)}>Remove</Anchor></Group>
          ) : <Reference of={field.kind === "file" ? "a file" : field.of} label={label} given={given} setGiven={(next) => context.setStored(name, next)} setValue={change} />}
          </Stack>
        </Input.Wrapper>
      );
    }
    case "json":
      return <JsonBox {...props} common={common} />;
  }
}

const PLACEHOLDERS: Record<string, string> = { "date-time": "2026-11-26T12:00:00Z", duration: "PT5S, P1D", time: "12:00:00", uuid: "xxxxxxxx-xxxx-…", uri: "https://…", decimal: "1.5", binary: "text, or base64" };

const wordOf = (json: string): string => {
  const value = JSON.parse(json) as Json;
  return typeof value === "string" ? value : json;
};
const isObject = (value: unknown): value is { [name: string]: Json } => typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value);
const replaced = (list: Json[], index: number, value: Json): Json[] => list.map((one, at) => (at === index ? value : one));

export function withPart<T>(record: { [name: string]: T }, name: string, value: T | undefined): { [name: string]: T } {
  if (value !== undefined) return { ...record, [name]: value };
  const { [name]: _, ...rest } = record;
  return rest;
}

function withoutOwn(errors: Errors, pointer: string): Errors {
  const inner = new Map(errors);
  inner.delete(pointer);
  return inner;
}

const PLAIN = new Set(["number", "switch", "choice", "text"]);
const SHORT = new Set(["number", "switch", "choice"]);

/** Fields of a record: short ones beside each other, where there is room. */
export function Fields({ fields, widget }: { fields: Extract<Field, { kind: "record" }>["fields"]; widget: (one: Extract<Field, { kind: "record" }>["fields"][number]) => ReactNode }) {
  return <div className="fields">{fields.map((one) => <div key={one.name} className={SHORT.has(one.field.kind) ? undefined : "wide"}>{widget(one)}</div>)}</div>;
}

function Box({ label, doc, error, toggle, children }: { label: string; doc: string; error: string | undefined; toggle?: ReactNode; children: ReactNode }) {
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      <Stack gap="sm">
        {doc && <Text size="xs" c="dimmed">{doc}</Text>}
        {toggle}
        {children}
        {error && <Input.Error>{error}</Input.Error>}
      </Stack>
    </fieldset>
  );
}

/** Switches a record or a list that may be null on and off. */
function Optional({ field, value, change, label, context }: Props) {
  if (!field.isOptional) return null;
  const start = () => initial({ ...field, isOptional: false, schema: { ...field.schema, default: undefined } } as Field, context.root);
  return <Switch size="xs" label={value === null || value === undefined ? "None" : "Given"} aria-label={`${label} is given`} checked={value !== null && value !== undefined} onChange={(event) => change(event.currentTarget.checked ? (start() ?? emptyOf(field)) : null)} />;
}

const emptyOf = (field: Field): Json => (field.kind === "list" || field.kind === "tuple" ? [] : {});

function List({ field, value, change, pointer, label, error, context, ...rest }: Props & { field: Extract<Field, { kind: "list" }>; error: string | undefined }) {
  const items = Array.isArray(value) ? value : [];
  return (
    <Box label={label} doc={field.doc} error={error} toggle={<Optional {...{ field, value, change, pointer, label, context, ...rest }} />}>
      {(value !== null || !field.isOptional) && (
        <>
          {items.map((item, index) => (
            <Group key={index} align={PLAIN.has(field.item.kind) ? "flex-end" : "flex-start"} wrap="nowrap" gap="xs">
              <div style={{ flex: 1, minWidth: 0 }}><Widget field={field.item} value={item} change={(next) => change(replaced(items, index, next ?? null))} pointer={`${pointer}/${index}`} label={`${label} ${index + 1}`} isRequired={false} context={context} /></div>
              <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Remove ${label} ${index + 1}`} disabled={items.length <= field.least} onClick={() => change(items.filter((_, at) => at !== index))}><Trash2 size={15} /></ActionIcon>
            </Group>
          ))}
          <Button size="compact-sm" variant="default" leftSection={<Plus size={14} />} disabled={items.length >= field.most} style={{ alignSelf: "flex-start" }} onClick={() => change([...items, initial(field.item, context.root) ?? null])}>Add<span className="visually-hidden"> to {label}</span></Button>
        </>
      )}
    </Box>
  );
}

function MapBox({ field, value, change, pointer, label, error, context }: Props & { field: Extract<Field, { kind: "map" }>; error: string | undefined }) {
  const [name, setName] = useState("");
  const entries = isObject(value) ? value : {};
  const add = () => {
    if (!name || name in entries) return;
    change({ ...entries, [name]: initial(field.value, context.root) ?? null });
    setName("");
  };
  return (
    <Box label={label} doc={field.doc} error={error}>
      {Object.entries(entries).map(([key, one]) => (
        <Group key={key} align="flex-end" wrap="nowrap" gap="xs">
          <div style={{ flex: 1, minWidth: 0 }}><Widget field={field.value} value={one} change={(next) => change({ ...entries, [key]: next ?? null })} pointer={`${pointer}/${escaped(key)}`} label={key} isRequired={false} context={context} /></div>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Remove ${key} from ${label}`} onClick={() => change(withPart(entries, key, undefined))}><Trash2 size={15} /></ActionIcon>
        </Group>
      ))}
      <Group gap="xs">
        <TextInput size="xs" placeholder="Name" aria-label={`New name in ${label}`} value={name} onChange={(event) => setName(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); add(); } }} />
        <Button size="compact-sm" variant="default" leftSection={<Plus size={14} />} disabled={!name || name in entries} onClick={add}>Add<span className="visually-hidden"> to {label}</span></Button>
      </Group>
    </Box>
  );
}

/** A number, or one of the words for what JSON has no numbers for; keeps what is typed, also while it is neither. */
function FloatBox({ value, change, field, words, common }: Props & { words: readonly string[]; common: object }) {
  const [typed, setTyped] = useState("");
  const meant = typed === "" ? (field.isOptional ? null : undefined) : numberOf(typed, words);
  const shown = meant === value ? typed : value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return (
    <TextInput
      {...common} inputMode="decimal" value={shown} placeholder={field.isOptional ? "None" : undefined}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setTyped(next);
        change(next === "" ? (field.isOptional ? null : undefined) : numberOf(next, words));
      }}
    />
  );
}

function JsonBox({ value, change, field, common }: Props & { common: object }) {
  const [text, setText] = useState<string>();
  const [problem, setProblem] = useState("");
  const id = useId();
  const shown = text ?? (value === undefined ? "" : JSON.stringify(value, null, 2));
  const { error, ...rest } = common as { error?: string };
  return (
    <JsonInput
      {...rest} id={id} error={problem || error} autosize minRows={2} maxRows={16} value={shown} placeholder="JSON" spellCheck={false} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
      onChange={(words) => {
        setText(words);
        if (words.trim() === "") {
          setProblem("");
          change(field.isOptional ? null : undefined);
          return;
        }
        try {
          change(parseExact(words) as Json);
          setProblem("");
        } catch {
          setProblem("is not JSON yet");
        }
      }}
    />
  );
}
