"""Walks over a value's plain containers."""

import collections
import copy
import dataclasses
import datetime
import decimal
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import pydantic

from . import times

DEPTH_MAX = 100
KEPT = frozenset({"ndarray", "longdouble", "clongdouble"})  # what of numpy is no number of Python
ATOMS = frozenset({int, float, str, bool, type(None)})


def children(value: object) -> Iterable[object]:
    """What a value holds: elements, dict values, fields of a record; nothing for anything else."""
    if isinstance(value, Mapping):
        return cast(Mapping[object, object], value).values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return cast(Iterable[object], value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if isinstance(value, pydantic.BaseModel):
        return [*value.__dict__.values(), *(value.__pydantic_extra__ or {}).values()]
    return ()


def any_within(value: object, test: Callable[[object], bool]) -> bool:
    """Whether anything in the value, itself included, passes the test; never recurses, ends on cycles."""
    stack, seen = [value], set[int]()
    while stack:
        each = stack.pop()
        if type(each) in ATOMS:
            continue
        if test(each):
            return True
        if id(each) not in seen:
            seen.add(id(each))
            stack.extend(children(each))
    return False


def leaves(value: object, where: str, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Everything within that holds nothing itself, with the place where it is, such as `value["a"][3].weights`."""
    held = list(_named_children(value, where)) if depth < DEPTH_MAX else []
    for place, each in held:
        yield from leaves(each, place, depth + 1)
    if not held:
        yield where, value


def _named_children(value: object, where: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, each in cast(Mapping[object, object], value).items():
            yield f"a key of {where}", key
            yield f"{where}[{key!r}]", each
    elif dataclasses.is_dataclass(value) or isinstance(value, pydantic.BaseModel):
        for name, each in _fields(value):
            yield f"{where}.{name}", each
    else:
        for index, each in enumerate(children(value)):
            yield f"{where}[{index}]", each


def _fields(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, pydantic.BaseModel):
        return value.__dict__.items()
    return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(cast(Any, value))]


def are_same(left: object, right: object) -> bool:
    """Equality of classes, values and parts: zones, limits of deques, keys in order; NaN equals NaN, 0.0 not -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple, collections.deque)):
        ours, theirs = cast(tuple[object, ...], left), cast(tuple[object, ...], right)
        limits: set[object] = {getattr(each, "maxlen", None) for each in (ours, theirs)}
        return len(ours) == len(theirs) and len(limits) == 1 and all(map(are_same, ours, theirs))
    if isinstance(left, dict):
        mine, other = cast(dict[object, object], left), cast(dict[object, object], right)
        return list(map(repr, mine)) == list(map(repr, other)) and all(map(are_same, mine.values(), other.values()))
    if isinstance(left, pydantic.BaseModel):
        return _state(left) == _state(right) and all(map(are_same, children(left), children(right)))
    if _is_record(left):
        return all(map(are_same, children(left), children(right)))
    if isinstance(left, (datetime.datetime, datetime.time)):
        return times.written(left) == times.written(cast(datetime.datetime, right))
    if isinstance(left, (float, complex, decimal.Decimal)):
        return repr(left) == repr(right)
    return left == right


def _state(model: object) -> object:
    return getattr(model, "__pydantic_private__", None)


def _is_record(value: object) -> bool:
    return isinstance(value, pydantic.BaseModel) or dataclasses.is_dataclass(value)


def without_numpy_scalars(value: object) -> object:
    """The value with numpy's numbers as Python's, or the very same object if it has none in plain containers."""
    if not any_within(value, _is_numpy_scalar):
        return value
    return _replaced(value, lambda each: cast(Any, each).item() if _is_numpy_scalar(each) else each)


def _is_numpy_scalar(value: object) -> bool:
    kind = type(value)
    return kind.__module__ == "numpy" and getattr(value, "shape", None) == () and kind.__name__ not in KEPT


def _replaced(value: object, replace: Callable[[object], object]) -> object:
    value = replace(value)
    if type(value) is dict:
        return {replace(key): _replaced(each, replace) for key, each in cast(dict[object, object], value).items()}
    if type(value) in (list, tuple):
        kind = cast(Callable[[list[object]], object], type(value))
        return kind([_replaced(each, replace) for each in cast(list[object], value)])
    if _is_record(value) and not isinstance(value, type):
        changed = copy.copy(value)
        for name, each in _fields(value):
            object.__setattr__(changed, name, _replaced(each, replace))
        return changed
    return value
