"""NaN and infinities of values that are read without their classes: JSON has words for them, the plan says where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.wire import NOT_FINITE

_NO_TEXT: Final = frozenset({"float", "int", "bool", "none", "list", "set", "dict", "tuple", "record", "Metrics"})
_LISTS: Final = frozenset({"list", "set", "tuple"})
_WORDS: Final = tuple(f'"{word}"'.encode() for word in NOT_FINITE)


class Declared:
    """The type that a plan declares for a value."""

    __slots__ = ("_kind", "_types")

    def __init__(self, plan: plan_pb2.Plan, expr: plan_pb2.Expr) -> None:
        self._types, self._kind = plan.types, _type_of(plan, expr)

    def exact(self, value: Any, data: bytes = b"") -> Any:
        """The plain value of a JSON value, its words as the floats that they are; its bytes, where they are at hand."""
        if self._kind is None or (data and not any(word in data for word in _WORDS)):
            return value
        return _exact(value, self._types, self._types[self._kind])


def _type_of(plan: plan_pb2.Plan, expr: plan_pb2.Expr) -> int | None:
    if expr.WhichOneof("kind") == "input":
        return plan.inputs[expr.input].type
    if expr.WhichOneof("kind") == "output":
        return plan.operators[plan.nodes[expr.output.node].operator].outputs[expr.output.output].type
    return None


def _exact(value: Any, types: Sequence[plan_pb2.Type], kind: plan_pb2.Type) -> Any:
    if isinstance(value, str):
        return float(value) if value in NOT_FINITE and _has_words(types, kind) else value
    if kind.name == "union":
        members = [types[each] for each in kind.args]
        fitting = [each for each in members if _is_container(value, each)]
        return _exact(value, types, fitting[0]) if len(fitting) == 1 else value
    if isinstance(value, list) and kind.name in _LISTS and kind.args:
        items = cast("list[Any]", value)
        args = kind.args if kind.name == "tuple" and not kind.variadic else [kind.args[0]] * len(items)
        return [_exact(each, types, types[arg]) for each, arg in zip(items, args, strict=True)]
    if not isinstance(value, dict):
        return cast("Any", value)
    named = cast("dict[str, Any]", value)
    if kind.name == "dict" and len(kind.args) == 2:
        return {name: _exact(each, types, types[kind.args[1]]) for name, each in named.items()}
    if kind.name == "Metrics" and isinstance(numbers := named.get("numbers"), dict):
        words = cast("dict[str, Any]", numbers).items()
        return {"numbers": {name: float(each) if each in NOT_FINITE else each for name, each in words}}
    fields = {each.name: types[each.type] for each in kind.fields}
    return {name: _exact(each, types, fields[name]) if name in fields else each for name, each in named.items()}


def _has_words(types: Sequence[plan_pb2.Type], kind: plan_pb2.Type) -> bool:
    """Whether a float may stand there, and no other text."""
    names = {types[each].name for each in kind.args} if kind.name == "union" else {kind.name}
    return "float" in names and names <= _NO_TEXT


def _is_container(value: Any, kind: plan_pb2.Type) -> bool:
    return kind.name in _LISTS if isinstance(value, list) else kind.name not in _LISTS and kind.name != "float"
