"""The differences between two plans, as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from .expressions import Expression, renamed, spell_expression
from .matches import match_nodes, match_operators
from .outline import NodeOutline, OperatorOutline, Outline

T = TypeVar("T")
Kind = Literal["added", "removed", "renamed", "types", "options", "code", "calls", "arguments", "order", "value"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: `subject` is "node train", say, by its new name unless it was removed."""

    kind: Kind
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}{self.text}"


def differences(old: Outline, new: Outline) -> list[Difference]:
    """Everything that differs, from the outside in: the workflow, its types, operators, nodes."""
    operators = match_operators(old, new)
    nodes = match_nodes(old, new, operators)
    return [
        *_workflow(old, new, nodes),
        *_types(old, new),
        *_operators(old, new, operators),
        *_nodes(old, new, operators, nodes),
    ]


def _workflow(old: Outline, new: Outline, nodes: Mapping[str, str]) -> Iterator[Difference]:
    if old.workflow != new.workflow:
        yield Difference("renamed", f"workflow {old.workflow}", f" renamed to {new.workflow}")
    yield from _added_and_removed("input", old.inputs, new.inputs, lambda each: each.type)
    for name, was, now in _in_both(old.inputs, new.inputs):
        yield from _changed("types", f"input {name}", "type", was.type, now.type)
        yield from _changed("value", f"input {name}", "default", _default(was.default), _default(now.default))
    yield from _added_and_removed("output", old.outputs, new.outputs, lambda each: each.type)
    for name, was, now in _in_both(old.outputs, new.outputs):
        yield from _changed("types", f"output {name}", "type", was.type, now.type)
        yield from _moved("value", f"output {name}", "value", was.value, now.value, nodes)


def _types(old: Outline, new: Outline) -> Iterator[Difference]:
    """Records that both have and whose fields differ; types that come and go are seen where they are used."""
    for name, was, now in _in_both(old.types, new.types):
        yield from _ports(f"type {name}", "field", was, now)


def _operators(old: Outline, new: Outline, pairs: Mapping[str, str]) -> Iterator[Difference]:
    was = {pairs.get(name, name): operator for name, operator in old.operators.items()}
    yield from _added_and_removed("operator", was, new.operators, _signature)
    yield from _renamed("operator", pairs)
    for name, before, after in _in_both(was, new.operators):
        subject = f"operator {name}"
        yield from _ports(subject, "input", before.inputs, after.inputs)
        yield from _ports(subject, "output", before.outputs, after.outputs)
        for port in (each for each in after.inputs if each in before.inputs):
            need = port not in after.optional
            if need != (port not in before.optional):
                yield Difference("types", subject, f": input {port} is now {'required' if need else 'optional'}")
        yield from _options(subject, before.options, after.options)
        if before.code != after.code:
            yield Difference("code", subject, ": its code changed")


def _nodes(old: Outline, new: Outline, operators: Mapping[str, str], pairs: Mapping[str, str]) -> Iterator[Difference]:
    matched = set(pairs.values())
    for name, node in old.nodes.items():
        if name not in pairs:
            yield Difference("removed", f"node {name}", f" removed, {_call(node)}")
    for name, node in new.nodes.items():
        if name not in matched:
            yield Difference("added", f"node {name}", f" added, {_call(node)}")
    yield from _renamed("node", pairs)
    for name, now in pairs.items():
        yield from _node(f"node {now}", old.nodes[name], new.nodes[now], operators, pairs)
        own = old.nodes[name].options.keys() | new.nodes[now].options.keys()
        yield from _options(f"node {now}", _effective(old, name, own), _effective(new, now, own))


def _node(
    subject: str, was: NodeOutline, now: NodeOutline, operators: Mapping[str, str], pairs: Mapping[str, str]
) -> Iterator[Difference]:
    if operators.get(was.operator, was.operator) != now.operator:
        yield Difference("calls", subject, f": calls {now.operator or now.kind}, called {was.operator or was.kind}")
    for argument in dict.fromkeys((*was.arguments, *now.arguments)):
        before, after = was.arguments.get(argument), now.arguments.get(argument)
        yield from _moved("arguments", subject, argument, before, after, pairs)
    waited, waits = {pairs.get(each, each) for each in was.after}, set(now.after)
    for other in sorted(waits - waited):
        yield Difference("order", subject, f": now waits for {other}")
    for other in sorted(waited - waits):
        yield Difference("order", subject, f": no longer waits for {other}")


def _added_and_removed(
    what: str, old: Mapping[str, T], new: Mapping[str, T], say: Callable[[T], str]
) -> Iterator[Difference]:
    for name, each in old.items():
        if name not in new:
            yield Difference("removed", f"{what} {name}", f" removed, {say(each)}")
    for name, each in new.items():
        if name not in old:
            yield Difference("added", f"{what} {name}", f" added, {say(each)}")


def _in_both(old: Mapping[str, T], new: Mapping[str, T]) -> Iterator[tuple[str, T, T]]:
    return ((name, old[name], each) for name, each in new.items() if name in old)


def _renamed(what: str, pairs: Mapping[str, str]) -> Iterator[Difference]:
    for was, now in pairs.items():
        if was != now:
            yield Difference("renamed", f"{what} {was}", f" renamed to {now}")


def _changed(
    kind: Kind, subject: str, what: str, was: object, now: object, absent: str = "none"
) -> Iterator[Difference]:
    if was != now:
        yield Difference(kind, subject, f": {what} is now {_spelt(now, absent)}, was {_spelt(was, absent)}")


def _moved(
    kind: Kind, subject: str, what: str, was: Expression | None, now: Expression | None, nodes: Mapping[str, str]
) -> Iterator[Difference]:
    """An expression differs by more than the names of nodes."""
    if (renamed(was, nodes) if was else None) != now:
        yield from _changed(
            kind, subject, what, was and spell_expression(was), now and spell_expression(now), "not given"
        )


def _ports(subject: str, what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Fields, inputs or outputs by their types."""
    for name in old:
        if name not in new:
            yield Difference("types", subject, f": {what} {name} removed")
    for name, now in new.items():
        if name not in old:
            yield Difference("types", subject, f": {what} {name} is new, {now}")
        else:
            yield from _changed("types", subject, f"{what} {name}", old[name], now)


def _options(subject: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        yield from _changed("options", subject, name, old.get(name), new.get(name))


def _effective(plan: Outline, node: str, names: Iterable[str]) -> dict[str, Any]:
    """The options of a call that it, or the same call of the other plan, has differently from its operator."""
    called = plan.nodes[node]
    declared = plan.operators[called.operator].options if called.operator else {}
    return {name: called.options.get(name, declared.get(name)) for name in sorted(names)}


def _default(default: Expression | None) -> str | None:
    return None if default is None else spell_expression(default)


def _spelt(value: object, absent: str) -> str:
    match value:
        case None:
            return absent
        case str():
            return value
        case float():
            return f"{value:g}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _signature(operator: OperatorOutline) -> str:
    inputs = ", ".join(f"{name}: {kind}" for name, kind in operator.inputs.items())
    outputs = ", ".join(f"{name}: {kind}" for name, kind in operator.outputs.items())
    return f"({inputs}) -> ({outputs})"


def _call(node: NodeOutline) -> str:
    arguments = ", ".join(f"{name}={spell_expression(value)}" for name, value in node.arguments.items())
    waits = f", after {', '.join(node.after)}" if node.after else ""
    return f"{node.operator.rpartition(':')[2] or node.kind}({arguments}){waits}"
