// A form made from the type of a signal.
import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { ApiError } from "../api/client";
import type { Wait } from "../api/types";
import { nearest } from "../launch/exact";
import { fieldOf, initial, resolved, type Field, type Json, type Schema } from "../launch/fields";
import { check, type Errors } from "../launch/validation";
import { Widget, type FormContext } from "../launch/Widgets";
import { Failed } from "../ui/pieces";
import { useSignal } from "./Waiting";

const NAME = "value";

/** The type of a signal as that of an object with one field, which is what forms are made of. */
export function signalSchema(schema: Schema | null): Schema {
  const { $defs, ...value } = (schema ?? {}) as Schema & { $defs?: Schema };
  return { type: "object", properties: { [NAME]: value }, required: [NAME], $defs: $defs ?? {} };
}

/** What a form for the value begins with. */
export function firstValue(field: Field, root: Schema): Json | undefined {
  const found = resolved(field.schema, root);
  return found && "default" in found ? (found.default as Json) : initial(field, root);
}

export function SignalForm({ run, wait }: { run: string; wait: Wait }) {
  const root = useMemo(() => signalSchema(wait.schema as Schema | null), [wait.schema]);
  const field = useMemo(() => fieldOf((root.properties as Record<string, Schema>)[NAME], "", root), [root]);
  const [value, setValue] = useState<Json | undefined>(() => firstValue(field, root));
  const [comment, setComment] = useState("");
  const [isTried, setTried] = useState(false);
  const sent = useSignal(run, wait, `Sent ${wait.node}`);
  const own = useMemo(() => check(root, nearest((value === undefined ? {} : { [NAME]: value }) as { [name: string]: Json }), new Set()), [root, value]);
  const refused = sent.error instanceof ApiError && sent.error.status === 422 ? sent.error.message : undefined;
  const errors: Errors = refused ? new Map([...own, [`/${NAME}`, refused]]) : isTried ? own : new Map();
  const context: FormContext = { root, errors, stored: {}, setStored: () => undefined };
  const submit = () => {
    setTried(true);
    if (!own.size) sent.mutate({ value, comment: comment.trim() });
  };
  return (
    <form noValidate onSubmit={(event) => { event.preventDefault(); submit(); }} aria-label={`Signal ${wait.node}`}>
      <Stack gap="sm" maw={560}>
        <Widget field={field} value={value} change={(next) => { setValue(next); sent.reset(); }} pointer={`/${NAME}`} label={field.title || wait.node} isRequired context={context} />
        <TextInput label="Comment" description="Recorded with the signal" value={comment} onChange={(event) => setComment(event.currentTarget.value)} maxLength={2_000} />
        {sent.isError && !refused && <Failed error={sent.error} />}
        <Group><Button size="xs" type="submit" loading={sent.isPending}>Send the signal</Button></Group>
      </Stack>
    </form>
  );
}
