"""Annotations as the plan's types: each written once, named by its index."""

from __future__ import annotations

import abc
import collections.abc
import enum
import json
import re
import types
import typing
from typing import Any, Generic, Union, get_args

from penstock_plan.spelling import spell, spell_both
from penstock_plan.types import Relation
from penstock_proto.plan.v1 import plan_pb2

from ..declare import constraints, modules
from ..declare.annotations import (
    ANYTHING,
    ML_TYPES,
    class_of,
    is_literal,
    is_record,
    record_fields,
    unwrap,
)

_SCALARS = {int: "int", float: "float", bool: "bool", str: "str", bytes: "bytes", type(None): "none"}
_CONTAINERS: dict[Any, str] = {
    list: "list",
    collections.abc.MutableSequence: "list",
    set: "set",
    frozenset: "set",
    collections.abc.Set: "set",
    collections.abc.MutableSet: "set",
    dict: "dict",
    collections.abc.Mapping: "dict",
    collections.abc.MutableMapping: "dict",
}
_LISTS_AND_TUPLES = (collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_CODE: tuple[Any, ...] = (vars(collections.abc)["Callable"], type, types.FunctionType)
# Stands for the type of what was declared wrongly: one error is enough, it fits everywhere.
UNKNOWN = -1
# What says nothing about a value: left out of a class's bases.
_NOT_BASES = frozenset({object, Generic, abc.ABC, typing.Protocol})
_NOT_BASES_FROM = ("pydantic.", "collections.abc.", "typing.", "abc.")


class UnsupportedAnnotation(Exception):
    """No value of this type can go from one operator to another; the text says why and what to write."""


class TypeTable:
    """The types of one plan."""

    __slots__ = ("_by_content", "_by_id", "_open", "_types", "relation")

    def __init__(self, types: Any) -> None:
        self._types = types  # Plan.types
        self._by_content: dict[bytes, int] = {}
        # An annotation may not be hashable, and equal ones may differ in order: so by identity, kept alive here.
        self._by_id: dict[int, tuple[Any, int]] = {}
        self._open: set[Any] = set()
        self.relation = Relation(types)

    def index(self, annotation: Any) -> int:
        """The index of the annotation's type, added if it is new. Raises UnsupportedAnnotation."""
        known = self._by_id.get(id(annotation))
        if known is not None:
            return known[1]
        index = self._add(self._message(annotation))
        if not self._open:  # within a recursive class the meaning differs
            self._by_id[id(annotation)] = (annotation, index)
        return index

    def spell(self, index: int) -> str:
        return spell(self._types, index)

    def spell_both(self, given: int, expected: int) -> tuple[str, str]:
        return spell_both(self._types, given, expected)

    def _add(self, message: plan_pb2.Type) -> int:
        content = message.SerializeToString(deterministic=True)
        index = self._by_content.get(content)
        if index is None:
            index = self._by_content[content] = len(self._types)
            self._types.append(message)
        return index

    def _message(self, annotation: Any) -> plan_pb2.Type:
        plain, metadata = unwrap(annotation)
        message = self._plain(plain)
        found = constraints.of(metadata, message.name)
        if found:
            message.constraints_json = json.dumps(found, sort_keys=True, default=str)
        return message

    def _plain(self, annotation: Any) -> plan_pb2.Type:
        if annotation is None:
            return plan_pb2.Type(name="none")
        if annotation in ANYTHING:
            return plan_pb2.Type(name="any")
        if annotation in _SCALARS:
            return plan_pb2.Type(name=_SCALARS[annotation])
        if is_literal(annotation):
            return plan_pb2.Type(name="literal", literals=sorted({_literal(value) for value in get_args(annotation)}))
        origin, args = class_of(annotation), get_args(annotation)
        if origin in (Union, types.UnionType):
            # typing's caches may return an equal union in another order: the order must not matter.
            return plan_pb2.Type(name="union", args=[self.index(member) for member in sorted(args, key=_order)])
        if origin in _CONTAINERS:
            qualname = "frozenset" if origin is frozenset else ""  # fits where a set does, and comes back as it is
            return plan_pb2.Type(name=_CONTAINERS[origin], args=map(self.index, args), qualname=qualname)
        if origin is tuple:
            return self._tuple(annotation, args)
        if origin in _LISTS_AND_TUPLES:
            return self._list_or_tuple(args)
        if (
            isinstance(origin, type)
            and origin is not type
            and not origin.__module__.startswith(("collections.abc", "typing"))
        ):
            return self._class(annotation, origin, args)
        raise UnsupportedAnnotation(_unsupported(annotation))

    def _tuple(self, annotation: Any, args: tuple[Any, ...]) -> plan_pb2.Type:
        if annotation in (tuple, typing.Tuple):  # noqa: UP006 - users may write it
            return plan_pb2.Type(name="tuple", variadic=True)
        if len(args) == 2 and args[1] is Ellipsis:
            return plan_pb2.Type(name="tuple", args=[self.index(args[0])], variadic=True)
        return plan_pb2.Type(name="tuple", args=map(self.index, args))

    def _list_or_tuple(self, args: tuple[Any, ...]) -> plan_pb2.Type:
        items = [self.index(item) for item in args]
        alternatives = [plan_pb2.Type(name="list", args=items), plan_pb2.Type(name="tuple", args=items, variadic=True)]
        return plan_pb2.Type(name="union", args=[self._add(each) for each in alternatives])

    def _class(self, annotation: Any, cls: type, args: tuple[Any, ...]) -> plan_pb2.Type:
        if issubclass(cls, ML_TYPES):
            return self._ml_type(annotation, cls)
        if getattr(cls, "_is_protocol", False):
            return plan_pb2.Type(name="any")  # a protocol is known by what a value can do, which nobody sees here
        name, bases = modules.qualified_name(cls), _bases(cls)
        if not is_record(cls) or cls in self._open:
            arguments = (
                [] if issubclass(cls, enum.Enum) else [self.index(each) for each in args if each is not Ellipsis]
            )
            return plan_pb2.Type(name=name, args=arguments, bases=bases, qualname=name)
        self._open.add(cls)
        try:
            fields = [
                plan_pb2.Field(name=field.name, type=self.index(field.annotation), required=field.required)
                for field in record_fields(annotation)
            ]
            arguments = [self.index(each) for each in args]
        finally:
            self._open.remove(cls)
        return plan_pb2.Type(name="record", qualname=name, args=arguments, bases=bases, fields=fields)

    def _ml_type(self, annotation: Any, cls: type) -> plan_pb2.Type:
        """An ML type, or a class below it, which carries the parameters of the ML type it came from."""
        root = next(each for each in ML_TYPES if issubclass(cls, each))
        args = get_args(as_base(annotation, root))
        name = root.__name__ if cls is root else modules.qualified_name(cls)
        arguments = [self.index(each) for each in args if not isinstance(each, typing.TypeVar)]
        return plan_pb2.Type(name=name, args=arguments, bases=_bases(cls), qualname=modules.qualified_name(cls))


def as_base(annotation: Any, root: type) -> Any:
    """The annotation as its base `root`, with that one's parameters: Dataset[Row] for class Iris(Dataset[Row])."""
    cls = class_of(annotation)
    if cls is root:
        return annotation
    filling = dict(zip(getattr(cls, "__parameters__", ()), get_args(annotation), strict=False))
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        origin = class_of(base)
        if isinstance(origin, type) and issubclass(origin, root):
            parameters = getattr(base, "__parameters__", ())
            filled = base[tuple(filling.get(p, p) for p in parameters)] if filling and parameters else base
            return as_base(filled, root)
    return root


def _bases(cls: type) -> list[str]:
    """Qualified names of the superclasses, nearest first."""
    bases = [
        base.__name__ if base in ML_TYPES else modules.qualified_name(base)
        for base in cls.__mro__[1:]
        if base not in _NOT_BASES
    ]
    return [base for base in bases if not base.startswith(_NOT_BASES_FROM)]


def _literal(value: object) -> str:
    if isinstance(value, enum.Enum):
        value = value.value
    if value is not None and not isinstance(value, str | int | float | bool):
        raise UnsupportedAnnotation(f"a Literal of {value!r} cannot be written as JSON: use text or numbers")
    return json.dumps(value, ensure_ascii=False)


def _order(member: Any) -> tuple[bool, str]:
    return member in (None, type(None)), re.sub(r" at 0x[0-9a-fA-F]+", "", repr(member))


def _unsupported(annotation: Any) -> str:
    shown = getattr(annotation, "__name__", None) or str(annotation)
    origin = class_of(annotation)
    if origin in (collections.abc.Iterator, collections.abc.Generator, collections.abc.AsyncIterator):
        return f"{shown} cannot be stored: return a list"
    if origin in _CODE:
        return f"{shown} is code, not data, and cannot go from one operator to another: pass a name or settings instead"
    if isinstance(annotation, str | typing.ForwardRef):
        remedy = "write pydantic.JsonValue, or a class"
        return f"{annotation!r} is not defined where the operator is, or names itself: {remedy}"
    return f"{shown} is not a type of values that operators can exchange"
