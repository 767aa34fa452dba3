"""Finds where a value is not of its annotated class; for error messages, not for the way of every value."""

import collections
import dataclasses
import datetime
import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

from . import exactness, json_values, registry, times
from .annotations import ANYTHING, fields, is_anything, is_record, is_typed_dict, members, unwrapped
from .encoded import annotation_name, type_name
from .errors import BadValue, CodecError, NoCodec, WrongType

NEED_ANNOTATION: tuple[type, ...] = (enum.Enum, list, dict, tuple)  # below these, nothing in the data says which


def check_class(value: object, annotation: object, where: str) -> None:
    """Raise WrongType unless the value is of the annotated class; does not look inside."""
    if annotation is Any or any(_admits(each, value) for each in members(annotation)):
        return
    raise WrongType(where, annotation_name(annotation), type_name(type(value)))


def found(value: object, annotation: object, where: str) -> CodecError:
    """Why the value is not carried: the first place within that is not exactly what its annotation says."""
    for depth in range(exactness.DEPTH_MAX):
        inner = _first_misfit(value, annotation, where)
        if inner is None or depth == exactness.DEPTH_MAX - 1:
            break
        where, value, annotation = inner
    return _reason(value, annotation, where)


def can_be_split(value: object) -> bool:
    """Whether the value has parts that can be encoded one by one."""
    return is_record(type(value)) or isinstance(value, (dict, list, tuple, set, frozenset, collections.deque))


def changed(value: object, annotation: object, where: str) -> BadValue:
    """Say that a class writes or reads itself so that its values change."""
    return BadValue(
        where,
        f"a {type_name(type(value))}, read back as {annotation_name(annotation)}, would be another value; "
        "return what it is made of, or register a codec for it",
    )


def _first_misfit(value: object, annotation: object, where: str) -> tuple[str, object, object] | None:
    chosen = [each for each in members(annotation) if _admits(each, value)]
    if len(chosen) != 1:
        return None
    for place, each, hint in _within(value, unwrapped(chosen[0]), where):
        if exactness.fit(each, hint, place) == exactness.NOT:
            return place, each, hint
    return None


def _reason(value: object, annotation: object, where: str) -> CodecError:
    kind, name = type(value), annotation_name(annotation)
    codec = registry.find(kind)
    if isinstance(codec, registry.Refusal):
        return NoCodec(type_name(kind), where, codec.remedy)
    if all(is_anything(each) for each in members(annotation)):
        return _unknown_class(value, where)
    try:
        json_values.json_type(annotation).check(value, where)
    except CodecError as error:
        if isinstance(error, WrongType):
            return error
    if hasattr(value, "dtype") and any(_admits(each, value) for each in members(annotation)):
        return WrongType(where, name, f"{type_name(kind)} of {cast(Any, value).dtype}; convert it with astype(...)")
    if isinstance(value, (datetime.datetime, datetime.time)) and not times.has_known_zones([value]):
        return BadValue(where, f"its time zone {value.tzinfo!r} cannot be carried; {times.REMEDY}")
    if dataclasses.is_dataclass(value) and any((get_origin(each) or each) is kind for each in members(annotation)):
        return BadValue(where, f"it has attributes that are no fields of {type_name(kind)}; declare them as fields")
    if getattr(value, "maxlen", None) is not None:
        return BadValue(where, "a deque with maxlen would lose it; return a list")
    if getattr(value, "default_factory", None) is not None:
        return BadValue(where, f"its default_factory is not the one that {name} has; return a dict")
    if any(_admits(each, value) for each in members(annotation)):
        return WrongType(
            where,
            f"exactly {name}",
            f"{type_name(kind)}, a class below it, of which the rest would be lost; annotate it",
        )
    return WrongType(where, name, type_name(kind))


def _unknown_class(value: object, where: str) -> CodecError:
    kind: type[Any] = type(value)
    if exactness.stands_for(kind, float) or is_record(kind) or issubclass(kind, NEED_ANNOTATION):
        return NoCodec(
            type_name(kind), where, f"nothing is annotated here that says so; annotate it {kind.__qualname__}"
        )
    return NoCodec(type_name(kind), where, "return data of known types and annotate it, or register a codec for it")


def _within(value: object, annotation: object, where: str) -> Iterator[tuple[str, object, object]]:
    args = get_args(annotation)
    if is_anything(annotation) or not args:
        args = (Any, Any) if isinstance(value, Mapping) else (Any,)
    if is_record(get_origin(annotation) or annotation):
        hints = fields(annotation)
        if isinstance(value, dict):
            held = cast(dict[str, object], value)
            yield from ((f"{where}[{name!r}]", held[name], hint) for name, hint in hints.items() if name in held)
        else:
            yield from (
                (f"{where}.{name}", getattr(cast(Any, value), name, None), hint) for name, hint in hints.items()
            )
    elif isinstance(value, Mapping) and len(args) == 2:
        for key, each in cast(Mapping[object, object], value).items():
            yield f"a key of {where}", key, args[0]
            yield f"{where}[{key!r}]", each, args[1]
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = list(cast(Sequence[object], value))
        hints = args if isinstance(value, tuple) and len(args) == len(items) and Ellipsis not in args else None
        if isinstance(value, tuple) and args and hints is None and Ellipsis not in args and not is_anything(annotation):
            return  # it is as a whole too long or too short
        for index, each in enumerate(items):
            yield f"{where}[{index}]", each, hints[index] if hints else args[0] if args else Any


def _admits(member: object, value: object) -> bool:
    member = unwrapped(member)
    kind = dict if is_typed_dict(get_origin(member) or member) else get_origin(member) or member
    kind = type(None) if kind is None else kind
    if kind in ANYTHING or not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(value, (int, float))
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that cannot be checked
        return True
