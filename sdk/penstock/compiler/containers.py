"""Futures within containers and records: whether there are any, which, and the type of the whole."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Iterator
from typing import Any

from ..declare.annotations import is_model, union
from .future import Future

# The protobuf parser admits messages nested 100 deep; each level here takes two.
DEPTH_MAX = 40
CONTAINERS = (list, tuple, dict, set, frozenset)


def class_of_value(value: object) -> Any:
    return type(value)


def holds_future(value: Any) -> bool:
    """Whether a future is anywhere in containers and records."""
    return type(value) not in _ATOMS and next(futures_in(value), None) is not None


def futures_in(value: Any) -> Iterator[Future]:
    """Every future in containers and records, in no order; from what is held twice, once."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if type(part) is Future:
            yield part
        elif type(part) not in _ATOMS and id(part) not in seen:
            seen.add(id(part))
            waiting.extend(_parts(part))


_ATOMS = frozenset({int, float, str, bool, bytes, type(None)})


def _parts(value: Any) -> Iterable[Any]:
    kind = class_of_value(value)
    if issubclass(kind, dict):
        return [*value.keys(), *value.values()]
    if issubclass(kind, CONTAINERS):
        return value
    if is_model(kind):
        return list(value.__dict__.values())
    if dataclasses.is_dataclass(kind):
        return [getattr(value, field.name, None) for field in dataclasses.fields(kind)]
    return ()


def inferred(value: Any) -> Any:
    """The annotation of a value with futures in it, for results of workflows without an annotation."""
    kind = class_of_value(value)
    if kind is Future:
        return value.penstock_annotation
    if kind is dict and value:
        return dict[union(map(inferred, value.keys())), union(map(inferred, value.values()))]
    if kind is tuple:
        return types.GenericAlias(tuple, tuple(map(inferred, value)))
    if kind in (list, set, frozenset) and value:
        return types.GenericAlias(kind, (union(map(inferred, value)),))
    return kind
