"""The outputs of a run and of its nodes, found by name: "OUTPUT", "NODE.OUTPUT", or a part, "train.model.payload"."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from penstock_artifact_store import ArtifactStoreError, LocalStore
from penstock_plan.show.expressions import expression, spell_expression
from penstock_plan.spelling import spell
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2
from penstock_proto.successes import unpacked
from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INPUTS_NODE

from .. import codecs
from ..codecs.mapping import mapped
from ..declare.signatures import RESULT
from . import expressions, trees
from .connection import Connection
from .errors import BadOutput, NoSuchOutput
from .previews import shown_with_previews
from .values import Artifacts

# Of one request; the answer comes in several messages.
REUSED_AT_ONCE = 10_000

# "a.b", "a[0]", "a['b c']": a name, and the parts within its value.
PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
NAMES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Output:
    """An output of a run or a node, without its value."""

    # What `output`, `save` and `penstock get` take.
    path: str
    type: str
    # Empty and 0 until the node that makes it has succeeded; of a list or dict of several values, their sum.
    codec: str
    size_bytes: int
    is_ready: bool


@dataclass(frozen=True, slots=True)
class Log:
    """The events of a run, and a way to what they refer to."""

    connection: Connection
    events: AsyncGenerator[Sequence[service_pb2.RecordedEvent]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an output is in a plan, and which part of it is meant."""

    name: str
    expr: plan_pb2.Expr
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An output whose values are here."""

    plan: plan_pb2.Plan
    place: Place
    recorded: expressions.Recorded
    store: LocalStore | None

    @property
    def default_name(self) -> str:
        *before, last = (self.place.name.rpartition(".")[2] or self.place.name, *self.place.parts)
        return f"{before[-1]}-{last}" if before and last.isdigit() else last

    def value(self, annotation: Any = Any) -> Any:
        """Return it decoded; raises NoSuchOutput, BadOutput."""
        try:
            whole = expressions.as_python(
                self.plan, self.place.expr, self.recorded, Any if self.place.parts else annotation, self._decode
            )
            for name in self.place.parts:
                whole = trees.part_of(whole, name)
            return whole
        except KeyError as error:
            raise NoSuchOutput(f"{self._path()} does not exist: {error.args[0]}") from None
        except (codecs.CodecError, ArtifactStoreError, ImportError) as error:
            raise BadOutput(f"{self._path()} cannot be decoded: {error}") from error

    def tree(self) -> trees.Tree:
        """Return its encoded parts; raises NoSuchOutput, BadOutput."""
        try:
            tree = trees.of_expression(self.place.expr, self.recorded, self._data, self.plan)
            for name in self.place.parts:
                tree = _within(tree, name)
            return tree
        except KeyError as error:
            raise NoSuchOutput(f"{self._path()} does not exist: {error.args[0]}") from None
        except (codecs.CodecError, ArtifactStoreError) as error:
            raise BadOutput(f"{self._path()} cannot be read: {error}") from error

    def _path(self) -> str:
        return ".".join((self.place.name, *self.place.parts))

    def _decode(self, value: value_pb2.Value, annotation: Any) -> Any:
        return codecs.from_value(value, annotation, self.store)

    def _data(self, value: value_pb2.Value) -> memoryview:
        if value.WhichOneof("body") != "artifact":
            return memoryview(value.inline)
        if self.store is None:
            raise codecs.Undecodable(value.codec, "it is an artifact, but no artifact store is configured")
        return mapped(self.store.path(value.artifact))


def _within(tree: trees.Tree, name: str) -> trees.Tree:
    if isinstance(tree, trees.Branch):
        if (part := tree.part(name)) is None:
            raise KeyError(f"its parts are {', '.join(list(tree.names)[:NAMES_SHOWN_MAX]) or 'none'}")
        return part
    if tree.codec != "json":
        raise KeyError("it has no parts")
    part = codecs.encode(trees.part_of(tree.decoded(), name))
    return trees.Leaf(part.codec, memoryview(part.data), part.type_name)


def names_of(plan: plan_pb2.Plan, node: int) -> list[str]:
    """Return the names of a node's outputs."""
    if plan.nodes[node].kind == plan_pb2.NODE_KIND_PASS:
        return []
    return [output.name for output in plan.operators[plan.nodes[node].operator].outputs]


def place_of(plan: plan_pb2.Plan, path: str) -> Place:
    """Return what a path means: an output of the run first, then one of a node; raises NoSuchOutput."""
    if not path:
        if len(plan.outputs) != 1:
            listed = _some(each.name for each in plan.outputs)
            raise NoSuchOutput(f"{plan.name} does not have exactly one output, name one of them: {listed}")
        return Place(plan.outputs[0].name, plan.outputs[0].value, ())
    node = _node_of(plan, path)
    if node is not None and (found := _place_in_node(plan, *node)) is not None:
        return found
    for output in sorted(plan.outputs, key=lambda each: len(each.name), reverse=True):
        if path.startswith(output.name) and (parts := _parts(path[len(output.name) :])) is not None:
            return Place(output.name, output.value, parts)
    if node is not None:
        return _whole_node(plan, *node)
    raise NoSuchOutput(
        f"{plan.name} has no output or node {path!r}; its outputs are {_some(each.name for each in plan.outputs)}, "
        f"its nodes are {_some(each.name for each in plan.nodes)}"
    )


def _node_of(plan: plan_pb2.Plan, path: str) -> tuple[int, str] | None:
    """The node with the longest name that the path begins with, and the rest of the path."""
    best: tuple[int, str] | None = None
    length = 0
    for index, node in enumerate(plan.nodes):
        if path.startswith(node.name) and len(node.name) > length and path[len(node.name) :][:1] in ("", ".", "["):
            best, length = (index, path[len(node.name) :]), len(node.name)
    return best


def _place_in_node(plan: plan_pb2.Plan, node: int, rest: str) -> Place | None:
    """What the rest of a path means if it begins with the name of one of the node's outputs."""
    for index, name in enumerate(names_of(plan, node)):
        if rest.startswith(f".{name}") and (parts := _parts(rest[1 + len(name) :])) is not None:
            return Place(f"{plan.nodes[node].name}.{name}", _expression(node, index), parts)
    return None


def _whole_node(plan: plan_pb2.Plan, node: int, rest: str) -> Place:
    """A node that has one output stands for it."""
    names, name = names_of(plan, node), plan.nodes[node].name
    parts = _parts(rest)
    if names == [RESULT] and parts is not None:
        return Place(name, _expression(node, 0), parts)
    problem = f"has no output {rest.lstrip('.')!r}" if rest else "does not have exactly one output"
    raise NoSuchOutput(f"node {name!r} {problem}; its outputs: {_some(f'{name}.{each}' for each in names)}")


def _expression(node: int, output: int) -> plan_pb2.Expr:
    return plan_pb2.Expr(output=plan_pb2.OutputRef(node=node, output=output))


def _parts(text: str) -> tuple[str, ...] | None:
    """The parts that follow a name; None if the text is something else."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        if (found := PART.match(text, at)) is None:
            return None
        parts.append(next(group for group in found.groups() if group is not None))
        at = found.end()
    return tuple(parts)


def _some(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:NAMES_SHOWN_MAX]) + (", ..." if len(listed) > NAMES_SHOWN_MAX else "") or "none"


async def read_reused(
    connection: Connection, run_id: bytes, seqs: Sequence[int]
) -> dict[int, Sequence[value_pb2.Value]]:
    """Return the outputs that a run took over from others, by their positions."""
    found: dict[int, Sequence[value_pb2.Value]] = {}
    for at in range(0, len(seqs), REUSED_AT_ONCE):
        request = service_pb2.ReadReusedRequest(run_id=run_id, seqs=seqs[at : at + REUSED_AT_ONCE])
        retry = connection.retry_at(connection.address)
        while not retry.is_finished:
            async with aclosing(connection.stream("state_tracker", "ReadReused", request, retry)) as stream:
                async for response in stream:
                    found |= {one.seq: list(one.values.values) for one in response.values}
    return found


async def recorded(log: Log, nodes: set[int]) -> dict[int, list[value_pb2.Value]]:
    """Return the values that these nodes have recorded, and the run's inputs under -1; others are left out."""
    found: dict[int, list[value_pb2.Value]] = {}
    async with aclosing(log.events) as batches:
        async for batch in batches:
            for event in batch:
                kind = event.event.WhichOneof("kind")
                if kind == "run_submitted":
                    submitted = event.event.run_submitted
                    found[INPUTS_NODE] = list(submitted.inputs.values)
                    reused = {seq: node for node, seq in unpacked(submitted.reused) if node in nodes}
                    taken = await read_reused(log.connection, event.event.run_id, list(reused)) if reused else {}
                    found |= {reused[seq]: list(values) for seq, values in taken.items()}
                elif kind == "action_succeeded" and (done := event.event.action_succeeded).node in nodes:
                    found[done.node] = list(done.outputs.values)
            if nodes | {INPUTS_NODE} <= found.keys():
                break
    return found


async def arguments(
    plan: plan_pb2.Plan, log: Log, artifacts: Artifacts, node: int, json_bytes_max: int
) -> dict[str, dict[str, Any]]:
    """Return where each argument of a node is from, and its value as far as it is recorded."""
    given = plan.nodes[node].arguments
    nodes = {each for argument in given for each in expressions.nodes_within(argument.value)} - {INPUTS_NODE}
    values = await recorded(log, nodes)
    known = [each for each in given if expressions.nodes_within(each.value) <= values.keys()]
    used = [value for argument in known for value in expressions.values_within(argument.value, values)]
    shown = await shown_with_previews(artifacts, used, json_bytes_max)
    ready = {argument.name: expressions.shown_as(argument.value, values, shown) for argument in known}
    return {
        each.name: {"from": spell_expression(expression(plan, each.value)), "value": ready.get(each.name)}
        for each in given
    }


async def found(plan: plan_pb2.Plan, log: Log, artifacts: Artifacts, path: str) -> Found:
    """Return an output with its values, which are fetched if they are elsewhere; raises NoSuchOutput."""
    place = place_of(plan, path)
    nodes = expressions.nodes_within(place.expr) - {INPUTS_NODE}
    values = await recorded(log, nodes)
    if missing := sorted(nodes - values.keys()):
        raise NoSuchOutput(f"{place.name} is not there: node {plan.nodes[missing[0]].name!r} has not succeeded")
    needed = await asyncio.to_thread(expressions.values_within, place.expr, values)
    return Found(plan, place, values, await artifacts.store(needed))


async def listed(plan: plan_pb2.Plan, log: Log, node: str | None) -> list[Output]:
    """Return what there is to be had of a run, or of one of its nodes."""
    from .submission import node_index

    if node is None:
        wanted = [(each.name, each.type, each.value) for each in plan.outputs]
    else:
        index = node_index(plan, node)
        ports: Sequence[plan_pb2.Port] = []
        if names_of(plan, index):
            ports = plan.operators[plan.nodes[index].operator].outputs
        wanted = [
            (f"{plan.nodes[index].name}.{port.name}", port.type, _expression(index, at))
            for at, port in enumerate(ports)
        ]
    nodes = {each for _, _, expr in wanted for each in expressions.nodes_within(expr)} - {INPUTS_NODE}
    values = await recorded(log, nodes)
    return [_output(plan, path, kind, expr, values) for path, kind, expr in wanted]


def _output(plan: plan_pb2.Plan, path: str, kind: int, expr: plan_pb2.Expr, values: expressions.Recorded) -> Output:
    text = spell(plan.types, kind)
    if expressions.nodes_within(expr) - values.keys():
        return Output(path, text, "", 0, is_ready=False)
    within = expressions.values_within(expr, values)
    codec = within[0].codec if len(within) == 1 and expr.WhichOneof("kind") in ("output", "input", "literal") else ""
    return Output(path, text, codec, sum(value.size_bytes for value in within), is_ready=True)
