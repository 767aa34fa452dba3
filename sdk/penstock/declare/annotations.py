"""Taking annotations apart: what is wrapped, which members a union has, which fields a record."""

from __future__ import annotations

import collections.abc
import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import typing_extensions

from .. import ml

ML_TYPES: tuple[type, ...] = (ml.Dataset, ml.FeatureSet, ml.Model, ml.Metrics, ml.Report)
ANYTHING = (Any, object, typing_extensions.Any)
# Which annotations a literal list, tuple, dict or set may go to.
ACCEPTING: dict[type, frozenset[object]] = {
    list: frozenset(
        {
            list,
            collections.abc.Sequence,
            collections.abc.MutableSequence,
            collections.abc.Iterable,
            collections.abc.Collection,
        }
    ),
    tuple: frozenset({tuple, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection}),
    dict: frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping}),
    set: frozenset(
        {set, collections.abc.Set, collections.abc.MutableSet, collections.abc.Iterable, collections.abc.Collection}
    ),
    frozenset: frozenset({frozenset, collections.abc.Set, collections.abc.Iterable, collections.abc.Collection}),
}


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of a record class; `key` is the name under which the class's constructor takes it."""

    name: str
    key: str
    annotation: Any
    required: bool


def unwrap(annotation: Any) -> tuple[Any, list[object]]:
    """The type within Annotated, NewType, Required and the like, and the metadata met on the way."""
    metadata: list[object] = []
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            metadata += annotation.__metadata__
            annotation = annotation.__origin__
        elif origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar, typing_extensions.ReadOnly):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, typing_extensions.TypeAliasType):
            annotation = Any if is_json_value(annotation) else annotation.__value__
        elif isinstance(annotation, typing.TypeVar):
            annotation = annotation.__bound__ or union(annotation.__constraints__)
        else:
            return annotation, metadata


def is_json_value(annotation: Any) -> bool:
    """Whether it is pydantic.JsonValue, which names itself: any data."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and annotation is pydantic.JsonValue


def members(annotation: Any) -> Iterator[Any]:
    """The members of a union, in writing order, unions within it opened; any other annotation alone."""
    plain, metadata = unwrap(annotation)
    if get_origin(plain) in (Union, types.UnionType) and not metadata:
        for member in get_args(plain):
            yield from members(member)
    else:
        yield annotation


def class_of(annotation: Any) -> Any:
    """The class of a generic with parameters; any other annotation itself."""
    return get_origin(annotation) or annotation


def is_model(cls: Any) -> bool:
    """Whether it is a pydantic model class, found out without importing pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def is_named_tuple(cls: Any) -> bool:
    return hasattr(cls, "_fields") and isinstance(cls, type) and issubclass(cls, tuple)


def is_record(cls: Any) -> bool:
    """Whether it is a class with named fields: dataclass, NamedTuple, TypedDict or pydantic model."""
    made = dataclasses.is_dataclass(cls) or is_named_tuple(cls) or typing_extensions.is_typeddict(cls) or is_model(cls)
    return made and isinstance(cls, type) and not issubclass(cls, ML_TYPES)


def record_fields(record: Any) -> list[RecordField]:
    """Fields of a record class, or of a generic one with its parameters filled in."""
    cls = class_of(record)
    if is_model(cls):
        return list(_model_fields(cls))
    hints = typing.get_type_hints(cls, include_extras=True)
    filling = dict(zip(getattr(cls, "__parameters__", ()), get_args(record), strict=False))
    required = _required(cls)
    names = [f.name for f in dataclasses.fields(cls) if f.init] if dataclasses.is_dataclass(cls) else list(required)
    return [RecordField(name, name, _fill(hints.get(name, Any), filling), required[name]) for name in names]


def _required(cls: Any) -> dict[str, bool]:
    if dataclasses.is_dataclass(cls):
        missing = dataclasses.MISSING
        return {f.name: f.default is missing and f.default_factory is missing for f in dataclasses.fields(cls)}
    if is_named_tuple(cls):
        return {name: name not in cls._field_defaults for name in cls._fields}
    return {
        name: _is_key_required(cls, name, hint)
        for name, hint in typing.get_type_hints(cls, include_extras=True).items()
    }


def _is_key_required(typed_dict: Any, key: str, hint: Any) -> bool:
    """Also where annotations are postponed, for which Python itself does not see Required and NotRequired."""
    if get_origin(hint) in (typing.Required, typing.NotRequired):
        return get_origin(hint) is typing.Required
    return key in typed_dict.__required_keys__


def _model_fields(cls: Any) -> Iterator[RecordField]:
    by_name = cls.model_config.get("validate_by_name") or cls.model_config.get("populate_by_name")
    for name, info in cls.model_fields.items():
        alias = info.validation_alias
        key = name if by_name or not isinstance(alias, str) else alias
        # Constraints were moved from the annotation into the field: put them back.
        annotation = typing.Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        yield RecordField(name, key, annotation, info.is_required())


def _fill(hint: Any, filling: dict[Any, Any]) -> Any:
    if hint in filling:
        return filling[hint]
    parameters = getattr(hint, "__parameters__", ())
    if not filling or not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(filling.get(parameter, parameter) for parameter in parameters)]


def is_literal(annotation: Any) -> bool:
    return get_origin(annotation) in (Literal, typing_extensions.Literal)


def union(kinds: Iterable[Any]) -> Any:
    """The union of any number of annotations; Any of none."""
    distinct: list[Any] = []
    for kind in kinds:
        if kind not in distinct:
            distinct.append(kind)
    return Union[tuple(distinct)] if distinct else Any  # noqa: UP007 - their number is not known
