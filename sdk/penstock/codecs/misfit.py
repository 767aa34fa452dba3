"""Finds where a value is not of its annotated class; for error messages, not for the way of every value."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

from .annotations import ANYTHING, fields, is_record, is_typed_dict, members
from .encoded import annotation_name, type_name
from .errors import WrongType

DEPTH_MAX = 100


def check_class(value: object, annotation: object, where: str) -> None:
    """Raise WrongType unless the value is of the annotated class; does not look inside."""
    if annotation is Any or any(_admits(each, value) for each in members(annotation)):
        return
    raise WrongType(where, annotation_name(annotation), type_name(type(value)))


def find_misfit(value: object, annotation: object, where: str) -> WrongType | None:
    """The first place within the value that is not of its annotated class."""
    try:
        _check(value, annotation, where, 0)
    except WrongType as error:
        return error
    return None


def _check(value: object, annotation: object, where: str, depth: int) -> None:
    check_class(value, annotation, where)
    chosen = [each for each in members(annotation) if _admits(each, value)]
    if len(chosen) == 1 and depth < DEPTH_MAX:
        for place, each, hint in _within(value, chosen[0], where):
            _check(each, hint, place, depth + 1)


def _within(value: object, annotation: object, where: str) -> Iterator[tuple[str, object, object]]:
    args = get_args(annotation)
    if is_record(get_origin(annotation) or annotation) and not isinstance(value, dict):
        for name, hint in fields(annotation).items():
            yield f"{where}.{name}", getattr(value, name, None), hint
    elif isinstance(value, Mapping) and len(args) == 2:
        for key, each in cast(Mapping[object, object], value).items():
            yield f"{where}[{key!r}]", each, args[1]
    elif (isinstance(value, (list, tuple)) and len(args) == 1) or Ellipsis in args:
        for index, each in enumerate(cast(Sequence[object], value)):
            yield f"{where}[{index}]", each, args[0]


def _admits(member: object, value: object) -> bool:
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
