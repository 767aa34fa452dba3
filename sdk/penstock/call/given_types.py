"""The annotation of who returned a value: it is decoded as what it was encoded as, whoever gets it.

So an operator that takes a base class gets an object of the class below it, if that is what another one returned.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, cast, get_origin

from penstock_plan.limits import CONTROL_MODULE
from penstock_plan.literals import value_of
from penstock_proto.plan.v1 import plan_pb2

from ..declare.annotations import is_literal, members, union, unwrap
from ..declare.modules import find_class, qualified_name
from ..declare.operators import operator_of

_SCALARS: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "bytes": bytes,
    "none": None,
    "any": Any,
}
LoadOperator = Callable[[str, str], Callable[..., Any]]


class GivenTypes:
    """The types of the values in one plan, as annotations."""

    __slots__ = ("_load", "_plan")

    def __init__(self, plan: plan_pb2.Plan, load: LoadOperator | None) -> None:
        """`load` finds an operator where a class cannot be found by its name, as one within a test."""
        self._plan, self._load = plan, load

    def of_input(self, position: int, wanted: Any) -> Any:
        """The annotation of an input of the run; `wanted` is what it is used as."""
        inputs = self._plan.inputs
        return self._annotation(inputs[position].type, wanted) if position < len(inputs) else wanted

    def of_output(self, node: int, position: int, wanted: Any) -> Any:
        """The annotation of an output of a node; `wanted` is what it is used as."""
        if not 0 <= node < len(self._plan.nodes):
            return wanted
        operator = self._plan.operators[self._plan.nodes[node].operator]
        if position >= len(operator.outputs):
            return wanted
        try:
            return self._annotation(operator.outputs[position].type, wanted)
        except LookupError:
            return self._declared(operator, position, wanted)

    def of_item(self, node: int, position: int, wanted: Any) -> Any:
        """The annotation of the items of a list that a map opened; `wanted` is what they are used as."""
        kind = self._plan.types[self._plan.operators[self._plan.nodes[node].operator].outputs[position].type]
        try:
            return self._annotation(kind.args[0], wanted) if kind.args else wanted
        except LookupError:
            return wanted

    def _declared(self, operator: plan_pb2.Operator, position: int, wanted: Any) -> Any:
        if self._load is None or operator.module == CONTROL_MODULE:
            return wanted
        declared = operator_of(self._load(operator.module, operator.qualname))
        return declared.signature.outputs[position].annotation if declared else wanted

    def _annotation(self, index: int, wanted: Any) -> Any:
        """Raises LookupError if a class is not found."""
        kind = self._plan.types[index]
        if kind.name in _SCALARS:
            return _SCALARS[kind.name]
        match kind.name:
            case "list":
                return self._with_args(list, kind, wanted)
            case "set":
                return self._with_args(frozenset if kind.qualname == "frozenset" else set, kind, wanted)
            case "dict":
                return self._with_args(dict, kind, wanted)
            case "tuple":
                return self._tuple(kind, wanted)
            case "union":
                return union(self._annotation(member, wanted) for member in kind.args)
            case "literal":
                values = tuple(value_of(text)[0] for text in kind.literals)
                # Of enums a plan has the values only.
                return next((each for each in members(wanted) if is_literal(unwrap(each)[0])), Literal[values])
            case name:
                return self._class(kind, kind.qualname or name, wanted)

    def _with_args(self, made: Any, kind: plan_pb2.Type, wanted: Any) -> Any:
        args = [self._annotation(each, wanted) for each in kind.args]
        return made[tuple(args)] if args else made

    def _tuple(self, kind: plan_pb2.Type, wanted: Any) -> Any:
        args = tuple(self._annotation(each, wanted) for each in kind.args)
        if kind.variadic:
            return tuple[args[0], ...] if args else tuple
        return tuple[args] if args else tuple[()]

    def _class(self, kind: plan_pb2.Type, name: str, wanted: Any) -> Any:
        for member in members(wanted):  # as it is written there, where it is the same class
            plain, _ = unwrap(member)
            cls = get_origin(plain) or plain
            if isinstance(cls, type) and not kind.args and qualified_name(cls) == name:
                return plain
        cls = imported_class(name)
        args = tuple(self._annotation(each, wanted) for each in kind.args)
        try:
            return cast(Any, cls)[args] if args else cls
        except TypeError:  # a class of a library that takes no parameters when the program runs
            return cls


def imported_class(name: str) -> type:
    """The class of a qualified name, its module imported if need be; raises LookupError."""
    found = find_class(name)
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        if found is not None:
            break
        try:
            importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        found = find_class(name)
    if not isinstance(found, type):
        raise LookupError(name)
    return found
