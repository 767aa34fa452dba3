"""How an argument becomes an expression: futures, literals, and containers and records with futures inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast, get_args, get_origin

from penstock_proto.plan.v1 import plan_pb2

from ..declare.annotations import (
    ACCEPTING,
    ANYTHING,
    RecordField,
    class_of,
    is_literal,
    is_named_tuple,
    members,
    record_fields,
    unwrap,
)
from ..declare.declarable import declaration_of
from .containers import CONTAINERS, DEPTH_MAX, class_of_value, holds_future
from .future import WHOLE, Future, describe
from .literals import BadLiteral, Literals
from .type_table import UNKNOWN, TypeTable, UnsupportedAnnotation

Problem = Callable[..., None]


class Writer:
    """Writes the expressions of one plan, and says what does not fit."""

    __slots__ = ("_fields", "_literals", "_open", "_problems", "_trace", "_types")

    def __init__(self, trace: object, types: TypeTable, literals: Literals) -> None:
        self._trace, self._types, self._literals = trace, types, literals
        self._problems: list[Mismatch] = []
        self._open: set[int] = set()  # the containers and records around what is being written
        self._fields: dict[type, list[RecordField]] = {}

    def write(self, expr: plan_pb2.Expr, value: Any, annotation: Any, where: str) -> Sequence[Mismatch]:
        """Fill in the expression of one argument; what does not fit is returned."""
        self._problems, self._open = [], set()
        try:
            self._write(expr, value, annotation, where, 0)
        except UnsupportedAnnotation as error:  # of a field of a record that goes where anything may go
            self._problems.append(Mismatch(where, str(error)))
        return self._problems

    def _write(self, expr: plan_pb2.Expr, value: Any, annotation: Any, where: str, depth: int) -> None:
        kind = class_of_value(value)
        if kind is Future:
            self._write_future(expr, value, annotation, where)
        elif (declared := declaration_of(value) or declaration_of(kind)) is not None:
            self._refuse_class(declared, annotation, where)
        elif depth > DEPTH_MAX:
            self._problems.append(Mismatch(where, f"is nested deeper than {DEPTH_MAX}", remedy="flatten it"))
        elif not holds_future(value):
            self._write_literal(expr, value, annotation, where)
        elif (identity := id(cast("object", value))) in self._open:
            self._problems.append(Mismatch(where, "contains itself", remedy="give data without cycles"))
        else:
            self._open.add(identity)
            composed = isinstance(value, CONTAINERS) and not is_named_tuple(kind)
            write = self._write_container if composed else self._write_record
            write(expr, value, annotation, where, depth)
            self._open.remove(identity)

    def _write_future(self, expr: plan_pb2.Expr, future: Future, annotation: Any, where: str) -> None:
        origin, output = future.penstock_origin, future.penstock_output
        if future.penstock_trace is not self._trace:
            remedy = "futures cannot be kept between compilations: call the operator inside this workflow"
            self._problems.append(Mismatch(where, f"given {describe(future)} of another workflow", remedy=remedy))
        elif output == WHOLE and not origin.outputs:
            remedy = "to run after it, write: with penstock.after(...):"
            self._problems.append(Mismatch(where, f"given {describe(future)}, which returns nothing", remedy=remedy))
        elif self._fits(future, annotation, where):
            if origin.expr is not None:
                expr.CopyFrom(origin.expr)
            elif origin.collected is not None:
                expr.output.node = origin.collected.gathers[output]
            elif origin.node < 0:
                expr.input = output
            elif output != WHOLE:
                ref = expr.output
                ref.node, ref.output = origin.node, output
            else:
                _write_whole(expr, future)

    def _fits(self, future: Future, annotation: Any, where: str) -> bool:
        given, expected = future.penstock_type, self._types.index(annotation)
        if given == UNKNOWN or self._types.relation.is_assignable(given, expected):
            return True
        given_text, expected_text = self._types.spell_both(given, expected)
        self._problems.append(
            Mismatch(
                where,
                f"expected {expected_text}, given {given_text}, {describe(future)}",
                expected_text,
                given_text,
                _remedy(future, annotation, self._types),
            )
        )
        return False

    def _refuse_class(self, declared: Any, annotation: Any, where: str) -> None:
        """A class that is an operator or workflow, or an instance of one, was given in place of a result."""
        expected, name = self._types.spell(self._types.index(annotation)), declared.qualname
        remedy = f"call its run: {name}(...).run(...)"
        self._problems.append(
            Mismatch(where, f"expected {expected}, given the class {name} itself", expected, name, remedy)
        )

    def _write_literal(self, expr: plan_pb2.Expr, value: Any, annotation: Any, where: str) -> None:
        try:
            expr.literal.CopyFrom(self._literals.encode(value, annotation))
        except BadLiteral as error:
            expected = self._types.spell(self._types.index(annotation))
            problem = f"expected {expected}, {error.problem}" if error.mistyped else error.problem
            remedy = f"call it: {value.name}(...)" if hasattr(value, "declaration") else error.remedy
            self._problems.append(Mismatch(where, problem, expected, type(value).__name__, remedy))

    def _write_container(self, expr: plan_pb2.Expr, value: Any, annotation: Any, where: str, depth: int) -> None:
        """Try each member of the annotation that admits such a container; the first that fits is taken."""
        first: list[Mismatch] = []
        outer, kind = self._problems, next(each for each in CONTAINERS if isinstance(value, each))
        for items in filter(None, (_items(member, kind, value) for member in members(annotation))):
            self._problems, attempt = [], plan_pb2.Expr()
            self._fill(attempt, value, items, where, depth + 1)
            if not self._problems:
                self._problems = outer
                expr.CopyFrom(attempt)
                return
            first = first or self._problems
        self._problems = outer
        expected = self._types.spell(self._types.index(annotation))
        wrong = Mismatch(
            where, f"expected {expected}, given a {kind.__name__} with futures in it", expected, kind.__name__
        )
        self._problems += first or [wrong]

    def _fill(self, expr: plan_pb2.Expr, value: Any, items: Items, where: str, depth: int) -> None:
        if isinstance(value, dict):
            mapping = expr.mapping
            mapping.SetInParent()
            for key, item in cast("dict[Any, Any]", value).items():
                self._write(mapping.keys.add(), key, items.key, f"{where}[key]", depth)
                self._write(mapping.values.add(), item, items.of(0), f"{where}[{key!r}]", depth)
            return
        sequence = expr.sequence
        sequence.kind = next(name for name, cls in _SEQUENCES.items() if isinstance(value, cls))
        for number, item in enumerate(value):
            self._write(sequence.items.add(), item, items.of(number), f"{where}[{number}]", depth)
        if sequence.kind == "set":  # a set has no order that every process agrees on
            ordered = sorted(sequence.items, key=lambda item: item.SerializeToString(deterministic=True))
            del sequence.items[:]
            sequence.items.extend(ordered)

    def _write_record(self, expr: plan_pb2.Expr, value: Any, annotation: Any, where: str, depth: int) -> None:
        cls = class_of_value(value)
        own = next((member for member in members(annotation) if get_origin(unwrap(member)[0]) is cls), cls)
        given, expected = self._types.index(own), self._types.index(annotation)
        if not self._types.relation.is_assignable(given, expected):
            given_text, expected_text = self._types.spell_both(given, expected)
            problem = f"expected {expected_text}, given {given_text}"
            self._problems.append(Mismatch(where, problem, expected_text, given_text))
            return
        record = expr.record
        record.type = given
        for field in self._fields_of(own):
            if hasattr(value, field.name):
                record.names.append(field.name)
                item = getattr(value, field.name)
                self._write(record.values.add(), item, field.annotation, f"{where}.{field.name}", depth + 1)

    def _fields_of(self, cls: Any) -> list[RecordField]:
        # Not asked anew for each call: annotations must keep their identity to be known again.
        if (fields := self._fields.get(cls)) is None:
            fields = self._fields[cls] = record_fields(cls)
        return fields


@dataclasses.dataclass(frozen=True, slots=True)
class Mismatch:
    """What is wrong with an argument, or with a part of it."""

    argument: str
    problem: str
    expected: str = ""
    given: str = ""
    remedy: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """Annotations of the items of a container: of each position, or of all with `each`."""

    each: tuple[Any, ...]
    repeated: bool
    key: Any = Any

    def of(self, number: int) -> Any:
        return self.each[0] if self.repeated else self.each[number]


_SEQUENCES: dict[str, tuple[type, ...]] = {"list": (list,), "tuple": (tuple,), "set": (set, frozenset)}


def _items(member: Any, kind: type, value: Any) -> Items | None:
    """Annotations of the items, if the annotation admits this kind of container and, of a tuple, this length."""
    plain, _ = unwrap(member)
    if plain in ANYTHING:
        return Items((Any,), repeated=True)
    origin, args = class_of(plain), get_args(plain)
    if is_literal(plain) or origin not in ACCEPTING[kind]:
        return None
    if not args and plain != tuple[()]:
        return Items((Any,), repeated=True)
    if kind is dict:
        return Items((args[1],), repeated=True, key=args[0])
    if origin is not tuple or (len(args) == 2 and args[1] is Ellipsis):
        return Items((args[0],), repeated=True)
    return Items(args, repeated=False) if len(args) == len(value) else None


def _write_whole(expr: plan_pb2.Expr, future: Future) -> None:
    """All outputs of a node together: the record that its operator returns is put together again."""
    record = expr.record
    record.type = future.penstock_type
    for name, (output, _, _) in future.penstock_origin.outputs.items():
        record.names.append(name)
        ref = record.values.add().output
        ref.node, ref.output = future.penstock_origin.node, output


def _remedy(future: Future, annotation: Any, types: TypeTable) -> str:
    """Name the outputs that would fit, where a whole result was given."""
    if future.penstock_output != WHOLE:
        return ""
    expected = types.index(annotation)
    outputs = future.penstock_origin.outputs.items()
    fitting = [name for name, (_, _, given) in outputs if types.relation.is_assignable(given, expected)]
    return f"its output {' or '.join(f'.{name}' for name in fitting)} would fit" if fitting else ""
