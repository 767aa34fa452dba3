"""Calls of one operator told apart by what they are given: `train[fold=2, lr=0.1]` for a node named `train-5`.

A label has the literal arguments in which the calls of the operator differ. It is for people; nodes keep their names.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

ARGUMENTS_MAX: Final = 6
VALUE_CHARS_MAX: Final = 24
COUNTED: Final = re.compile(r"(.+)-\d+")
WRITTEN: Final = re.compile(r"(.+?)\[(.*)\]", re.DOTALL)

Arguments = Mapping[str, str]


def labels(plan: plan_pb2.Plan) -> list[str]:
    """Return the label of each node; its name where nothing tells it from the operator's other calls."""
    calls = _Calls(plan)
    found = [f"{base}[{_spelt(given)}]" if given else name for name, base, given in calls.nodes()]
    # Calls that differ in no literal are told apart by their names as well.
    shared = _repeated(found)
    named = [
        f"{name}[{_spelt(given)}]" if given and label in shared else label
        for label, (name, _, given) in zip(found, calls.nodes(), strict=True)
    ]
    # A name may look like another one with its number.
    shared = _repeated(named)
    return [name if label in shared else label for label, (name, _, _) in zip(named, calls.nodes(), strict=True)]


def _repeated(labels: Iterable[str]) -> set[str]:
    return {label for label, count in Counter(labels).items() if count > 1}


def matching(plan: plan_pb2.Plan, text: str) -> list[int]:
    """Return the nodes that a label means: `train[fold=2]` is each call of train with that, whatever else it has."""
    if (written := WRITTEN.fullmatch(text.strip())) is None:
        return []
    wanted = {"".join(part.split()) for part in _split(written[2])}
    return [
        index
        for index, (name, base, given) in enumerate(_Calls(plan).nodes())
        if written[1] in (name, base) and wanted <= {"".join(f"{key}={value}".split()) for key, value in given.items()}
    ]


class _Calls:
    """The calls of a plan: name, name without its number, and what tells it from other calls of the operator."""

    def __init__(self, plan: plan_pb2.Plan) -> None:
        self._names = [node.name for node in plan.nodes]
        self._bases = _bases(self._names)
        self._given: list[Arguments] = [{} for _ in plan.nodes]
        groups: dict[tuple[int, str], list[int]] = {}
        for index, node in enumerate(plan.nodes):
            if node.kind == plan_pb2.NODE_KIND_TASK:
                groups.setdefault((node.operator, self._bases[index]), []).append(index)
        for indexes in groups.values():
            if len(indexes) > 1:
                self._compare(plan, indexes)

    def nodes(self) -> Iterator[tuple[str, str, Arguments]]:
        return zip(self._names, self._bases, self._given, strict=True)

    def _compare(self, plan: plan_pb2.Plan, indexes: Sequence[int]) -> None:
        given = [_literals(plan.nodes[index].arguments) for index in indexes]
        names = dict.fromkeys(name for each in given for name in each)
        varying = [name for name in names if len({each.get(name) for each in given}) > 1][:ARGUMENTS_MAX]
        for index, each in zip(indexes, given, strict=True):
            self._given[index] = {name: each[name] for name in varying if name in each}


def _bases(names: Sequence[str]) -> list[str]:
    """The names without the numbers that make them unique."""
    known = set(names)
    counted = [COUNTED.fullmatch(name) for name in names]
    return [found[1] if found and found[1] in known else name for name, found in zip(names, counted, strict=True)]


def _spelt(given: Arguments) -> str:
    return ", ".join(f"{name}={value}" for name, value in given.items())


def _split(text: str) -> Sequence[str]:
    """At the commas that stand before a name: values may have commas of their own."""
    return re.split(r",\s*(?=\w+\s*=)", text)


def _literals(arguments: Iterable[plan_pb2.Argument]) -> Arguments:
    found: dict[str, str] = {}
    for argument in arguments:
        if (text := _text(argument.value)) is not None:
            found[argument.name] = text
    return found


def _text(expr: plan_pb2.Expr) -> str | None:
    """A literal as short text; None for all else."""
    if expr.WhichOneof("kind") != "literal":
        return None
    value: Value = expr.literal
    if value.WhichOneof("body") != "inline" or value.codec != "json":
        return f"{value.codec}:{(value.artifact or value.inline)[:4].hex()}"
    try:
        decoded = json.loads(value.inline)
    except ValueError:
        return None
    text = decoded if isinstance(decoded, str) and decoded else json.dumps(decoded, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 1] + "…"
