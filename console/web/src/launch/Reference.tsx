// Inputs that are stored values: an output of another run, or a file from this computer.
import { Anchor, Autocomplete, Button, Group, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answerOf, get, OURS, part } from "../api/client";
import type { ArtifactInput, OutputReference, References, StoredArtifact, Values } from "../api/types";
import { bytes, functionName, moment } from "../ui/format";
import type { Json } from "./fields";

/** What an input is set to; `from` says where it is from, in words. */
export type Stored = { artifact: ArtifactInput; from: string } | { problem: string };

const NAME_LENGTH_BYTES = 2;

/** Store a file as operators read it: the length of its name, its name, its content. */
export async function uploaded(file: File): Promise<Stored> {
  if (!window.isSecureContext) return { problem: "files can be uploaded only over HTTPS, or from this machine" };
  const name = new TextEncoder().encode(file.name);
  const head = new Uint8Array(NAME_LENGTH_BYTES + name.length);
  new DataView(head.buffer).setUint16(0, name.length, true);
  head.set(name, NAME_LENGTH_BYTES);
  const body = new Blob([head, file]);
  const digest = await crypto.subtle.digest("SHA-256", await body.arrayBuffer());
  const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const answer = await answerOf(await fetch(`/v1/artifacts/${hash}`, { method: "PUT", body, headers: { "Content-Type": "application/octet-stream", ...OURS } }));
  const { size_bytes: size } = (await answer.json()) as StoredArtifact;
  return { artifact: { artifact: hash, codec: "file", size_bytes: size, type: "pathlib.PosixPath" }, from: `file ${file.name}` };
}

/** "RUN/NODE.OUTPUT" -> its parts; an output that is not named is `result`. */
export function parsed(text: string): { run: string; node: string; output: string } | undefined {
  const match = /^\s*([0-9a-f-]{32,36})[/ ]([^\s/.]+)(?:\.(\S+))?\s*$/i.exec(text);
  return match ? { run: match[1], node: match[2], output: match[3] ?? "result" } : undefined;
}

export function Reference({ of, label, given, setGiven, setValue }: { of: string; label: string; given: Stored | undefined; setGiven: (value: Stored | undefined) => void; setValue: (value: Json | undefined) => void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const [query] = useDebouncedValue(text, 250);
  const isFile = of === "a file";
  const earlier = useQuery({
    queryKey: ["references", of, query],
    queryFn: ({ signal }) => get<References>("/references", { type: of, q: query }, signal),
    enabled: !isFile,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const offered = new Map(earlier.data?.references.map((one) => [`${one.run}/${one.node}.${one.output}`, one]));
  const use = async (words: string) => {
    const found = parsed(words);
    if (!found) return setProblem("expected RUN/NODE.OUTPUT, such as 01a2…/train.model");
    try {
      const { values } = await get<Values>(`/runs/${part(found.run)}/nodes/${part(found.node)}/values`);
      const value = values.find((one) => one.name === found.output);
      if (!value) return setProblem(`${found.node} has no output ${found.output}; it has ${values.map((one) => one.name).join(", ")}`);
      setProblem("");
      if (value.artifact === null) return setValue(value.json as Json);
      setGiven({ artifact: { artifact: value.artifact, codec: value.codec, size_bytes: value.size_bytes, type: value.type }, from: `${found.node}.${found.output} of run ${found.run.slice(-12)}` });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  if (given && "artifact" in given) {
    return (
      <Group gap="xs">
        <Text size="sm"><b>{given.from}</b> <Text span c="dimmed" size="xs">{given.artifact.type}, {bytes(given.artifact.size_bytes)}</Text></Text>
        <Anchor component="button" type="button" size="sm" onClick={() => setGiven(undefined)} aria-label={`Remove ${label}`}>Remove</Anchor>
      </Group>
    );
  }
  return (
    <Group gap="xs" align="flex-start">
      <Autocomplete
        style={{ flex: 1 }} aria-label={`Output of a run for ${label}`} placeholder={isFile ? "An output that is a file: RUN/NODE.OUTPUT" : `Search for ${of}, or type RUN/NODE.OUTPUT`} value={text} error={problem || (given && "problem" in given ? given.problem : undefined)}
        data={[...offered.keys()]} filter={({ options }) => options} maxDropdownHeight={280} onChange={setText} onOptionSubmit={(chosen) => void use(chosen)}
        renderOption={({ option }) => <Offered of={offered.get(option.value)} />}
      />
      <Button variant="default" disabled={!text} onClick={() => void use(text)}>Use</Button>
    </Group>
  );
}

function Offered({ of }: { of: OutputReference | undefined }) {
  if (!of) return null;
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="sm" className="cut"><b>{of.node}.{of.output}</b> of {functionName(of.workflow)}</Text>
      <Text size="xs" c="dimmed" className="cut">{of.type}, {moment(of.ended_at)}, run {of.run.slice(-12)}</Text>
    </div>
  );
}
