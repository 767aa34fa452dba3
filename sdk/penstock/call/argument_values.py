"""Arguments of a call, put together from literals, inputs of the run and outputs of other nodes."""

import collections.abc
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

from penstock_plan.refs import maps_around
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import INPUTS_NODE

from .. import codecs
from ..codecs.compound import rebuilt
from ..codecs.opened_list import OpenedList
from ..codecs.scalars import READERS
from ..declare.annotations import ACCEPTING, is_record, members, record_fields, unwrap
from ..declare.modules import find_class, qualified_name
from .failures import NotLoadable
from .given import Given
from .given_types import GivenTypes, LoadOperator

Builder = Callable[[Given], Any]

_COLLECTIONS: dict[str, Callable[[list[Any]], Any]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_UNCHANGING = (int, float, str, bool, bytes, type(None))


class Builders:
    """Makes the builders of one call."""

    def __init__(
        self,
        plan: plan_pb2.Plan,
        operator: str,
        store: codecs.Store,
        scratch_folder: Path | None = None,
        load: LoadOperator | None = None,
    ) -> None:
        """`load` finds other operators of the plan, whose values these are."""
        self._plan = plan
        self._given = GivenTypes(plan, load)
        self._operator = operator
        self._store = store
        self._scratch_folder = scratch_folder
        self._files_used = False

    def has_new_files(self) -> bool:
        """Whether a value came that may have been decoded to a file since this was last asked."""
        used, self._files_used = self._files_used, False
        return used

    def build(self, expr: plan_pb2.Expr, annotation: Any, name: str) -> Builder:
        """A function from the values that a grant brings to the argument."""
        match expr.WhichOneof("kind"):
            case "literal":
                return self._literal(expr.literal, annotation)
            case "output":
                node, output = expr.output.node, expr.output.output
                return self._value(node, output, self._given.of_output(node, output, annotation), name)
            case "input":
                return self._value(INPUTS_NODE, expr.input, self._of_input(expr.input, annotation), name)
            case "item":
                return self._item(expr.item, annotation, name)
            case "choice":
                return self._choice(expr.choice, annotation, name)
            case "sequence":
                return self._sequence(expr.sequence, annotation, name)
            case "mapping":
                return self._mapping(expr.mapping, annotation, name)
            case "record":
                return self._record(expr.record, annotation, name)
            case other:
                raise self._unreadable(name, f"this worker does not support the kind {other}; upgrade the worker")

    def _of_input(self, position: int, annotation: Any) -> Any:
        try:
            return self._given.of_input(position, annotation)
        except LookupError:
            return annotation

    def _literal(self, literal: Value, annotation: Any) -> Builder:
        if literal.codec == "json" and literal.WhichOneof("body") == "inline":
            with contextlib.suppress(codecs.CodecError):  # the call meets it again, and says whose argument it is
                value = self._decode(literal, annotation)
                if isinstance(value, _UNCHANGING):
                    return lambda values: value
        return lambda values: self._decode(literal, annotation)  # anew, since the operator may change it

    def _value(self, node: int, index: int, annotation: Any, name: str) -> Builder:
        whose = "inputs of the run" if node == INPUTS_NODE else f"outputs of node {node}"
        read = READERS.get(annotation) if isinstance(annotation, collections.abc.Hashable) else None

        def build(values: Given) -> Any:
            try:
                value = values[node][index]
            except (KeyError, IndexError):
                raise self._unreadable(name, f"the {whose} are missing in the grant") from None
            if read is not None and value.codec == "json" and (inline := value.inline):
                try:
                    return read(inline)
                except ValueError:
                    pass  # the long way says what is wrong
            return self._decode(value, annotation)

        return build

    def _item(self, item: plan_pb2.Item, annotation: Any, name: str) -> Builder:
        depth = len(maps_around(self._plan, item.node))
        kind = self._given.of_item(item.node, 1 + item.list, annotation)
        opened: list[tuple[Value, OpenedList]] = []  # the last one: the items of a map have it in common

        def build(values: Given) -> Any:
            try:
                value, number = values[item.node][1 + item.list], values.path[depth]
            except LookupError:
                raise self._unreadable(name, f"the list of map {item.node} is missing in the grant") from None
            if not opened or opened[0][0] != value:
                opened[:] = [(value, OpenedList(value, self._store))]
            self._files_used = True
            return opened[0][1].item(number, kind, self._scratch_folder)

        return build

    def _choice(self, choice: plan_pb2.Choice, annotation: Any, name: str) -> Builder:
        sides = [self.build(side, annotation, name) for side in choice.sides]

        def build(values: Given) -> Any:
            try:
                side = int(values[choice.branch][0].inline)
            except LookupError:
                raise self._unreadable(name, f"the side of branch {choice.branch} is missing in the grant") from None
            return sides[side](values)

        return build

    def _decode(self, value: Value, annotation: Any) -> Any:
        self._files_used |= value.codec != "json"
        return codecs.from_value(value, annotation, self._store, scratch_folder=self._scratch_folder)

    def _sequence(self, sequence: plan_pb2.Sequence, annotation: Any, name: str) -> Builder:
        make = _COLLECTIONS.get(sequence.kind)
        if make is None:
            raise self._unreadable(name, f"unknown kind of sequence: {sequence.kind!r}")
        hints = _item_annotations(annotation, sequence.kind, len(sequence.items))
        items = [
            self.build(item, hint, f"{name}[{index}]")
            for index, (item, hint) in enumerate(zip(sequence.items, hints, strict=True))
        ]
        if sequence.kind == "set" and _accepts(annotation, frozenset):
            make = frozenset
        return lambda values: make([build(values) for build in items])

    def _mapping(self, mapping: plan_pb2.Mapping, annotation: Any, name: str) -> Builder:
        key_hint, value_hint = _entry_annotations(annotation)
        entries = [
            (self.build(key, key_hint, f"a key of {name}"), self.build(value, value_hint, f"a value of {name}"))
            for key, value in zip(mapping.keys, mapping.values, strict=True)
        ]
        return lambda values: {key(values): value(values) for key, value in entries}

    def _record(self, record: plan_pb2.Record, annotation: Any, name: str) -> Builder:
        cls = self._record_class(self._plan.types[record.type], annotation, name)
        fields = {field.name: field for field in record_fields(cls)}
        parts: list[tuple[str, Builder]] = []
        for field, value in zip(record.names, record.values, strict=True):
            if field not in fields:
                raise self._unreadable(name, f"{cls} no longer has a field {field!r}; compile and run again")
            parts.append((fields[field].key, self.build(value, fields[field].annotation, f"{name}.{field}")))
        make: Any = get_origin(cls) or cls
        return lambda values: rebuilt(make, {key: build(values) for key, build in parts})

    def _record_class(self, declared: plan_pb2.Type, annotation: Any, name: str) -> Any:
        """The annotation's own member of that name, so that parameters of a generic are kept; else the class itself."""
        for member in members(annotation):
            cls, _ = unwrap(member)
            kind = get_origin(cls) or cls
            if isinstance(kind, type) and qualified_name(kind) == declared.qualname:
                return cls
        found = find_class(declared.qualname)
        if not is_record(found):
            raise self._unreadable(name, f"class {declared.qualname} no longer exists; compile and run again")
        return found

    def _unreadable(self, name: str, problem: str) -> NotLoadable:
        return NotLoadable("BadArgument", f"argument {name} of {self._operator}: {problem}")


def _item_annotations(annotation: Any, kind: str, count: int) -> list[Any]:
    """What is asked of each item of a list, tuple or set."""
    for member in members(annotation):
        plain, _ = unwrap(member)
        origin, args = get_origin(plain), get_args(plain)
        if origin is tuple and args:
            if len(args) == 2 and args[1] is Ellipsis:
                return [args[0]] * count
            if len(args) == count:
                return list(args)
        elif len(args) == 1 and origin in ACCEPTING.get(_plain_kind(kind), ()):
            return [args[0]] * count
    return [Any] * count


def _plain_kind(kind: str) -> type:
    return {"list": list, "tuple": tuple, "set": set}.get(kind, list)


def _entry_annotations(annotation: Any) -> tuple[Any, Any]:
    for member in members(annotation):
        plain, _ = unwrap(member)
        args = get_args(plain)
        if len(args) == 2 and get_origin(plain) in ACCEPTING[dict]:
            return args[0], args[1]
    return Any, Any


def _accepts(annotation: Any, kind: type) -> bool:
    """Whether the annotation names this very kind of collection."""
    return any((get_origin(each) or each) is kind for each in map(_unwrapped, members(annotation)))


def _unwrapped(annotation: Any) -> Any:
    return unwrap(annotation)[0]
