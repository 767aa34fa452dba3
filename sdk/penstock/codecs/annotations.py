"""What an annotation says about the values it admits, found once and remembered."""

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import types
import typing
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Union, get_args, get_origin

import pydantic
import typing_extensions

from . import registry
from .encoded import annotation_name
from .errors import NoCodec

# Classes that JSON distinguishes by itself: a union of these reads back as it was written.
DISTINCT: frozenset[object] = frozenset({int, float, str, bool, type(None)})
EXACT: frozenset[object] = DISTINCT | {
    bytes, complex, uuid.UUID, decimal.Decimal,
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta,
}  # fmt: skip
KEYS: frozenset[object] = EXACT - {type(None), complex}
SEQUENCES: frozenset[object] = frozenset({list, tuple, set, frozenset, collections.deque})
MAPPINGS: frozenset[object] = frozenset({dict, collections.OrderedDict, collections.defaultdict, collections.Counter})
ANYTHING: frozenset[object] = frozenset({Any, object, typing_extensions.Any})
WRAPPERS: frozenset[object] = frozenset(
    {typing.Required, typing.NotRequired, typing_extensions.ReadOnly, typing.ClassVar, typing.Final}
)  # around a field's annotation


@dataclasses.dataclass(slots=True)
class Traits:
    """Facts about an annotation and everything within it."""

    payloads: bool = False  # arrays, tensors, files may be within
    models: bool = False  # pydantic models may be within
    sets: bool = False
    bytes: bool = False
    inexact: bool = False  # JSON may not tell two admitted values apart
    bad_key: object = None  # a type of dict keys that JSON cannot carry back
    scalars: frozenset[object] = frozenset()  # those that a union admits just so, without constraints
    seen: list[object] = dataclasses.field(default_factory=list[object])
    records: set[type] = dataclasses.field(default_factory=set[type])


def study(annotation: object) -> Traits:
    """Walk an annotation; raises NoCodec if it names what does not exist."""
    try:
        return _studied(annotation)
    except NameError as error:
        raise NoCodec(annotation_name(annotation), "the annotation", f"{error}; import it where it is used") from error
    except TypeError:  # not hashable
        return _studied.__wrapped__(annotation)


def forget() -> None:
    """Study everything anew: another codec is known now."""
    _studied.cache_clear()


@functools.lru_cache(maxsize=4096)
def _studied(annotation: object) -> Traits:
    traits = Traits()
    if get_origin(annotation) in (Union, types.UnionType):
        traits.scalars = DISTINCT.intersection(get_args(annotation))
    _study(annotation, traits)
    return traits


def is_record(kind: object) -> bool:
    """Whether a class has named fields: dataclass, NamedTuple, TypedDict or pydantic model."""
    if not isinstance(kind, type):
        return False
    return is_named_tuple(kind) or is_typed_dict(kind) or is_model(kind) or dataclasses.is_dataclass(kind)


def is_named_tuple(kind: type) -> bool:
    """Whether a class was made by NamedTuple."""
    return issubclass(kind, tuple) and hasattr(typing.cast(Any, kind), "_fields")


def is_typed_dict(kind: object) -> bool:
    """Whether a class was made by TypedDict."""
    return typing_extensions.is_typeddict(typing.cast(type, kind))


def is_model(kind: object) -> bool:
    """Whether a class is a pydantic model."""
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def unwrapped(annotation: object) -> object:
    """The type itself, without Annotated, Required, NewType and the like."""
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated or origin in WRAPPERS:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, typing_extensions.TypeAliasType):
            annotation = annotation.__value__
        else:
            return annotation


def members(annotation: object) -> Sequence[object]:
    """The members of a union, or the annotation alone."""
    annotation = unwrapped(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return [each for member in get_args(annotation) for each in members(member)]
    return [annotation]


def fields(record: object) -> dict[str, object]:
    """Annotations of a record's fields, with the parameters of a generic filled in."""
    kind = typing.cast(type, get_origin(record) or record)
    if is_model(kind):
        return {
            name: field.annotation for name, field in typing.cast(type[pydantic.BaseModel], kind).model_fields.items()
        }
    hints = typing.get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        hints = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    parameters: tuple[object, ...] = getattr(typing.cast(Any, kind), "__parameters__", ())
    given = dict(zip(parameters, get_args(record), strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items()} if given else hints


def _filled(hint: object, given: dict[object, object]) -> object:
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type):
        return hint
    return typing.cast(Any, hint)[tuple(given.get(each, each) for each in parameters)]


def _study(annotation: object, traits: Traits) -> None:
    options = members(annotation)
    if len(options) > 1:
        beside_none = [each for each in options if each not in (None, type(None))]
        traits.inexact |= len(beside_none) > 1 and not all(each in DISTINCT for each in beside_none)
        for each in options:
            _study(each, traits)
        return
    kind = options[0]
    kind = type(None) if kind is None else kind
    origin = get_origin(kind) or kind
    if origin is Literal:
        traits.inexact |= not all(type(each) in DISTINCT for each in get_args(kind))
    elif kind in ANYTHING or isinstance(kind, typing.TypeVar):
        traits.payloads = traits.models = traits.sets = True
    elif isinstance(origin, type):
        _study_class(kind, origin, traits)
    else:
        traits.payloads = traits.inexact = True


def _study_class(kind: object, origin: type, traits: Traits) -> None:
    if origin in EXACT:
        traits.bytes |= origin is bytes
    elif origin in SEQUENCES or origin in MAPPINGS:
        traits.sets |= origin in (set, frozenset)
        _study_container(kind, origin, traits)
    elif is_record(origin):
        _study_record(kind, origin, traits)
    elif issubclass(origin, enum.Enum):
        traits.inexact |= not all(type(each.value) in DISTINCT for each in origin)
    else:  # arrays, frames, tensors, abstract containers, anybody's classes
        traits.payloads = traits.inexact = True
        for each in get_args(kind):
            _study(each, traits)


def _study_container(kind: object, origin: type, traits: Traits) -> None:
    args = [each for each in get_args(kind) if each is not Ellipsis]
    if not args and origin is not collections.Counter and kind != tuple[()]:
        args = [Any]
    if args and origin in MAPPINGS and not _is_key(args[0]):
        traits.bad_key = args[0]
    for each in args:
        _study(each, traits)


def _study_record(kind: object, origin: type, traits: Traits) -> None:
    if kind in traits.seen:
        return
    traits.seen.append(kind)
    traits.records.add(origin)
    traits.payloads |= registry.find(origin) is not None
    traits.models |= is_model(origin)
    traits.inexact |= _has_its_own_way(origin)
    for each in fields(kind).values():
        _study(each, traits)


def _has_its_own_way(record: type) -> bool:
    """Whether its author decides how it is written or made, so that it need not come back as it was."""
    if is_model(record):
        return True
    if not dataclasses.is_dataclass(record):
        return False
    return hasattr(record, "__post_init__") or not all(field.init for field in dataclasses.fields(record))


def _is_key(annotation: object) -> bool:
    key = unwrapped(annotation)
    if key in ANYTHING or isinstance(key, typing.TypeVar):
        return True
    if get_origin(key) is Literal:
        return all(isinstance(each, str) for each in get_args(key))
    if isinstance(key, type) and issubclass(key, enum.Enum):
        return all(isinstance(each.value, str) for each in key)
    return key in KEYS


def subclasses_exist(records: Iterable[type]) -> bool:
    """Whether a value may be of a class with more fields than the annotation shows."""
    return any(each.__qualname__ != record.__qualname__ for record in records for each in type.__subclasses__(record))
