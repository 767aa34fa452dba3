"""Executions of the nodes that shape a run: a map opens lists, a gather collects a list, a branch chooses a side."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from penstock_plan.growth import ADDED_NODES_MAX, MAPPED
from penstock_plan.limits import CONTROL_MODULE
from penstock_plan.refs import leaf_of
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value, Values

from .. import codecs
from ..codecs.encoded import Encoded
from ..codecs.opened_list import encode_items
from ..item_failures import ItemFailure, TooFewSucceeded, check_share
from .argument_values import Builders
from .failures import BadResult, NotLoadable
from .given import Given
from .given_types import GivenTypes, LoadOperator
from .invocation import Call, Invoke, load, not_decoded, not_encoded

JSON: Final = "json"
CASES: Final = "cases"
CONDITION: Final = "condition"
ITEMS: Final = "items"
SUCCESS_MIN: Final = "success_min"


def call_of(
    plan: plan_pb2.Plan,
    node: int,
    store: codecs.Store,
    load_operator: LoadOperator = load,
    scratch_folder: Path | None = None,
) -> Call | Control:
    """Understand a node's call, once for any number of executions; raises NotLoadable."""
    operator = plan.operators[plan.nodes[node].operator]
    if operator.module != CONTROL_MODULE:
        return Call(plan, node, store, load_operator, scratch_folder)
    if (kind := _KINDS.get(operator.qualname)) is None:
        text = f"this worker does not know {operator.module}:{operator.qualname}; upgrade the worker"
        raise NotLoadable("Unknown", text)
    return kind(plan, node, store, load_operator, scratch_folder)


class Control(abc.ABC):
    """A node that calls no operator of the user's."""

    secrets: tuple[str, ...] = ()
    cache: plan_pb2.Cache | None = None

    def __init__(
        self,
        plan: plan_pb2.Plan,
        node: int,
        store: codecs.Store,
        load_operator: LoadOperator,
        scratch_folder: Path | None,
    ) -> None:
        declared = plan.nodes[node]
        operator = plan.operators[declared.operator]
        self.operator = f"{operator.module}:{operator.qualname}"
        self._plan, self._node, self._store = plan, node, store
        self._arguments = {argument.name: argument.value for argument in declared.arguments}
        self._types = GivenTypes(plan, load_operator)
        self._builders = Builders(plan, declared.name, store, scratch_folder, load_operator)

    def has_new_files(self) -> bool:
        """Whether arguments may have been decoded to files since this was last asked."""
        return self._builders.has_new_files()

    def __call__(self, values: Given, outputs: Values, invoke: Invoke | None = None) -> None:
        """Add the outputs; raises ActionError. `invoke` is for the user's code, of which there is none."""
        outputs.values.extend(self._outputs(values))

    @abc.abstractmethod
    def _outputs(self, values: Given) -> list[Value]:
        """Return the outputs; raises ActionError."""

    @contextlib.contextmanager
    def _blame(self, say: Callable[[Exception, str], Exception]) -> Generator[None]:
        """Raise what is to be reported of an error, as `not_decoded` and `not_encoded` say it."""
        try:
            yield
        except Exception as error:
            raise say(error, self.operator) from error

    def _type(self, output: int) -> Any:
        return self._types.of_output(self._node, output, Any)


class Opening(Control):
    """A map: the number of items, and each list with its items apart."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._lists = [
            (name, self._type(position), self._builders.build(expr, self._type(position), name))
            for position, (name, expr) in enumerate(self._arguments.items(), 1)
        ]

    def _outputs(self, values: Given) -> list[Value]:
        with self._blame(not_decoded):
            lists = [(name, annotation, list(build(values))) for name, annotation, build in self._lists]
        lengths = {len(items) for _, _, items in lists}
        if len(lengths) > 1:
            told = ", ".join(f"{name} has {len(items):,}" for name, _, items in lists)
            raise BadResult("ValueError", f"lists that are mapped in step must have the same number of items: {told}")
        if (count := max(lengths)) > ADDED_NODES_MAX:
            text = f"{count:,} items are more than a run can have, {ADDED_NODES_MAX:,}: let one item be many records"
            raise BadResult("TooManyItems", text)
        with self._blame(not_encoded):
            opened = [
                codecs.to_value(encode_items(items, item_of(annotation), name), self._store)
                for name, annotation, items in lists
            ]
        return [number_value(lengths.pop()), *opened]


class Gathering(Control):
    """A list of what a map's items have as one of their outputs."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._output = self._arguments[ITEMS].output.output
        self._annotation = self._type(0)

    def _outputs(self, values: Given) -> list[Value]:
        try:
            items = [values[number][self._output] for number in sorted(values)]
        except IndexError:
            raise NotLoadable("BadArgument", f"output {self._output} of an item is missing in the grant") from None
        with self._blame(not_decoded):
            joined = self._joined(items)
            found = (
                [] if joined else [codecs.from_value(item, item_of(self._annotation), self._store) for item in items]
            )
        with self._blame(not_encoded):
            encoded = joined or codecs.encode(found, self._annotation, where="the list of the items' results")
            return [codecs.to_value(encoded, self._store)]

    def _joined(self, items: Sequence[Value]) -> Encoded | None:
        """JSON is put together as it is."""
        if any(item.codec != JSON for item in items):
            return None
        parts = [
            item.inline if item.WhichOneof("body") == "inline" else self._store.get(item.artifact) for item in items
        ]
        return Encoded(JSON, (b"[" + b",".join(parts) + b"]",), "list")


class Failing(Control):
    """What failed of a map's items; it fails itself if that is too much."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._success_min = float(msgspec.json.decode(self._arguments[SUCCESS_MIN].literal.inline))

    def _outputs(self, values: Given) -> list[Value]:
        items = int(values[MAPPED][0].inline)
        failures = [
            ItemFailure(number, **msgspec.json.decode(values[number][0].inline))
            for number in sorted(values)
            if number >= 0
        ]
        try:
            check_share(len(failures), items, self._success_min)
        except TooFewSucceeded as error:
            first = f"; the first to fail was item {failures[0].index}: {failures[0].kind}: {failures[0].message}"
            raise BadResult("TooFewSucceeded", f"{error}{first}") from None
        with self._blame(not_encoded):
            return [codecs.to_value(codecs.encode(failures, list[ItemFailure], where="the failures"), self._store)]


class Choosing(Control):
    """The side that a branch takes: the place of the condition's value among the cases."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._cases: list[Any] = msgspec.json.decode(self._arguments[CASES].literal.inline)

    def _outputs(self, values: Given) -> list[Value]:
        value = leaf_of(self._arguments[CONDITION], values)
        if value is None or value.codec != JSON or value.WhichOneof("body") != "inline":
            raise NotLoadable("BadCondition", "the condition of a branch must be one small value")
        given: Any = msgspec.json.decode(value.inline)
        for side, case in enumerate(self._cases):
            if type(case) is type(given) and case == given:
                return [number_value(side)]
        raise BadResult("NoSuchCase", f"{msgspec.json.encode(given).decode()} is not among the branch's cases")


class Passing(Control):
    """A value as it is: what an item of a map has, where that is no output of a node within the map."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._annotation = self._type(0)
        self._build = self._builders.build(self._arguments["value"], self._annotation, "value")

    def _outputs(self, values: Given) -> list[Value]:
        if (value := leaf_of(self._arguments["value"], values)) is not None:
            return [value]
        with self._blame(not_decoded):
            found = self._build(values)
        with self._blame(not_encoded):
            return [codecs.to_value(codecs.encode(found, self._annotation, where="an item's result"), self._store)]


def number_value(number: int) -> Value:
    """A number that the State Tracker reads."""
    text = b"%d" % number
    return Value(codec=JSON, inline=text, size_bytes=len(text), type_name="int")


def item_of(annotation: Any) -> Any:
    """What each item of such a list is."""
    return getattr(annotation, "__args__", (Any,))[0]


_KINDS: dict[str, type[Control]] = {
    "map": Opening,
    "gather": Gathering,
    "failures": Failing,
    "branch": Choosing,
    "value": Passing,
}
