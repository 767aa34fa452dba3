"""What an annotation says about the values it admits, found once and remembered."""

import collections
import collections.abc
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
# Classes of dict keys that JSON carries as they are; dicts with other keys are carried as bundles.
KEYS: frozenset[object] = frozenset({int, str, uuid.UUID, datetime.date})
SEQUENCES: frozenset[object] = frozenset({list, tuple, set, frozenset, collections.deque})
MAPPINGS: frozenset[object] = frozenset({dict, collections.OrderedDict, collections.defaultdict, collections.Counter})
ABSTRACT_LISTS: frozenset[object] = frozenset(
    {collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection, collections.abc.MutableSequence}
)
LISTS_OR_TUPLES: frozenset[object] = ABSTRACT_LISTS - {collections.abc.MutableSequence}
ABSTRACT_SETS: frozenset[object] = frozenset({collections.abc.Set, collections.abc.MutableSet})
ABSTRACT_MAPPINGS: frozenset[object] = frozenset({collections.abc.Mapping, collections.abc.MutableMapping})
_CONCRETE: dict[object, type] = {
    collections.abc.MutableSequence: list,
    **dict.fromkeys(ABSTRACT_SETS, set),
    **dict.fromkeys(ABSTRACT_MAPPINGS, dict),
}
ANYTHING: frozenset[object] = frozenset({Any, object, typing_extensions.Any, pydantic.JsonValue})
WRAPPERS: frozenset[object] = frozenset(
    {typing.Required, typing.NotRequired, typing_extensions.ReadOnly, typing.ClassVar, typing.Final}
)  # around a field's annotation


@dataclasses.dataclass(slots=True)
class Traits:
    """Facts about an annotation and everything within it."""

    bytes: bool = False
    # Classes may be within that write or read themselves in their own way, so that values are read back and compared.
    inexact: bool = False
    recursive: bool = False  # a record within may contain itself
    mixed: bool = (
        False  # a float may stand where a text may, so that the words for NaN and the infinities may be either
    )
    scalars: frozenset[object] = frozenset()  # those that a union admits just so, without constraints
    seen: list[object] = dataclasses.field(default_factory=list[object])


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
        traits.scalars = frozenset() if ambiguous(annotation) else DISTINCT.intersection(get_args(annotation))
    _study(annotation, traits)
    return traits


def may_be_words(annotation: object) -> bool:
    """Whether a union has float, and JSON of its other members is never text: then NaN and the infinities are words."""
    options = [unwrapped(each) for each in members(annotation)]
    return float in options and not any(map(_may_be_text, options))


def _may_be_text(option: object) -> bool:
    if is_literal(option):
        return any(_JSON_FORMS.get(kind, "str") == "str" for kind, _ in _forms_of_literal(option))
    origin = get_origin(option) or option
    return origin not in _NO_TEXT and not is_closed_record(option)


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
        elif isinstance(annotation, typing_extensions.TypeAliasType) and annotation not in ANYTHING:
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
    hints = dict(_hints(kind))
    if is_typed_dict(kind):
        hints = {name: get_args(hint)[0] if get_origin(hint) in WRAPPERS else hint for name, hint in hints.items()}
    if dataclasses.is_dataclass(kind):
        hints = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    parameters: tuple[object, ...] = getattr(typing.cast(Any, kind), "__parameters__", ())
    given = dict(zip(parameters, get_args(record), strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items()} if given else hints


@functools.lru_cache(maxsize=4096)
def _hints(kind: type) -> typing.Mapping[str, object]:
    """What the annotations of a class mean, which Python works out again each time that it is asked."""
    return typing.get_type_hints(kind, include_extras=True)


def _filled(hint: object, given: dict[object, object]) -> object:
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type):
        return hint
    return typing.cast(Any, hint)[tuple(given.get(each, each) for each in parameters)]


def is_anything(annotation: object) -> bool:
    """Whether it says nothing of the class of a value: Any, a type variable, a protocol."""
    if isinstance(annotation, typing.TypeVar) or annotation in ANYTHING:
        return True
    return bool(getattr(get_origin(annotation) or annotation, "_is_protocol", False))


def is_literal(annotation: object) -> bool:
    """Whether it is a Literal."""
    return get_origin(annotation) in (Literal, typing_extensions.Literal)


def is_recursive(annotation: object) -> bool:
    """Whether a record of this annotation may contain one."""
    return study(annotation).recursive


def ordered(annotation: object) -> Sequence[object]:
    """The members of a union in an order that does not depend on how it was written.

    A plan spells types in its own way: a Sequence as a list or a tuple, a Mapping as a dict. Whoever decodes may have
    the annotation from there, so it is the same order for both.
    """
    try:
        return _ordered(annotation)
    except TypeError:  # not hashable
        return _put_in_order(annotation)


@functools.lru_cache(maxsize=4096)
def _ordered(annotation: object) -> Sequence[object]:
    return _put_in_order(annotation)


def _put_in_order(annotation: object) -> Sequence[object]:
    by_key = {_order_of_one(each): each for member in reversed(members(annotation)) for each in _spelt_out(member)}
    return [by_key[key] for key in sorted(by_key)]


def _spelt_out(member: object) -> list[object]:
    if (get_origin(member) or member) in LISTS_OR_TUPLES and (args := get_args(member)):
        return [list[args[0]], tuple[args[0], ...]]  # pyright: ignore[reportInvalidTypeForm]
    return [member]


def _order(annotation: object) -> str:
    return " | ".join(_order_of_one(each)[0] for each in ordered(annotation))


def _order_of_one(annotation: object) -> tuple[str, str]:
    origin = get_origin(annotation)
    if origin is None:
        kind = typing.cast(Any, type(None) if annotation is None else _CONCRETE.get(annotation, annotation))
        return getattr(kind, "__qualname__", str(kind)), getattr(kind, "__module__", "")
    inside = ", ".join(str(each) if is_literal(annotation) else _order(each) for each in get_args(annotation))
    name, module = _order_of_one(origin)
    return f"{name}[{inside}]", module


def has_json_keys(annotation: object, keys: Iterable[object]) -> bool:
    """Whether these keys of a dict come back from the keys of a JSON object."""
    key = unwrapped(annotation)
    if is_anything(key):
        return set(map(type, keys)) <= {str}
    if is_literal(key):
        return all(type(each) is str for each in get_args(key))
    return key in KEYS or (isinstance(key, type) and issubclass(key, enum.Enum))


def ambiguous(annotation: object) -> bool:
    """Whether two members of a union may be written as the same JSON."""
    options = [each for each in map(unwrapped, members(annotation)) if each not in (None, type(None))]
    return any(_are_alike(left, right) for index, left in enumerate(options) for right in options[:index])


def _are_alike(left: object, right: object) -> bool:
    if _form(left) != _form(right) and _ANY_FORM not in (_form(left), _form(right)):
        return False
    if is_literal(left) and is_literal(right):
        return not _forms_of_literal(left).isdisjoint(_forms_of_literal(right))
    if is_closed_record(left) and is_closed_record(right):
        return (_may_be_read_as(left, right) or _may_be_read_as(right, left)) and not _are_distinct(left, right)
    return True


_ANY_FORM = "any"


def _form(annotation: object) -> str:
    """The form of JSON that values of a class have."""
    if is_literal(annotation):
        forms = {_JSON_FORMS.get(kind, "str") for kind, _ in _forms_of_literal(annotation)}
        return forms.pop() if len(forms) == 1 else _ANY_FORM
    origin: Any = get_origin(annotation) or annotation
    if not isinstance(origin, type):
        return _ANY_FORM
    origin = typing.cast(Any, origin)
    if origin in _JSON_FORMS:
        return _JSON_FORMS[origin]
    if origin in EXACT or issubclass(origin, enum.Enum):
        return "str"
    if origin in SEQUENCES or origin in ABSTRACT_LISTS or origin in ABSTRACT_SETS or is_named_tuple(origin):
        return "list"
    if origin in MAPPINGS or origin in ABSTRACT_MAPPINGS or is_closed_record(annotation):
        return "dict"
    found = registry.find(origin)
    return f"part {found.name}" if isinstance(found, registry.Codec) else _ANY_FORM


_NO_TEXT: frozenset[object] = frozenset({int, float, bool, None, type(None), list, tuple, set, frozenset, dict})
_JSON_FORMS: dict[object, str] = {int: "int", float: "float", str: "str", bool: "bool", type(None): "null"}


def _forms_of_literal(annotation: object) -> set[tuple[type, object]]:
    return {(type(each), each) for each in typing.cast(tuple[object, ...], get_args(annotation))}


def is_closed_record(annotation: object) -> bool:
    """Whether it is a record that refuses keys which it does not have."""
    origin = get_origin(annotation) or annotation
    if not is_record(origin) or is_named_tuple(typing.cast(type, origin)):
        return False
    if is_model(origin):
        model = typing.cast(type[pydantic.BaseModel], origin)
        return model.model_config.get("extra", "forbid") == "forbid" and not issubclass(model, pydantic.RootModel)
    return True


def _may_be_read_as(written: object, read: object) -> bool:
    """Whether what one record is written with may be read as another one."""
    return required_fields(written, written=True) <= set(fields(read)) and required_fields(read) <= set(fields(written))


def required_fields(record: object, *, written: bool = False) -> set[str]:
    """The fields that must be there: to make a record, or whenever one is written."""
    kind = typing.cast(Any, get_origin(record) or record)
    if is_typed_dict(kind):
        return {name for name, hint in _hints(kind).items() if _is_key_required(kind, name, hint)}
    if written:
        return set(fields(record))
    if is_model(kind):
        return {name for name, field in kind.model_fields.items() if field.is_required()}
    missing = dataclasses.MISSING
    return {
        f.name for f in dataclasses.fields(kind) if f.init and f.default is missing and f.default_factory is missing
    }


def _is_key_required(kind: Any, name: str, hint: object) -> bool:
    """Also where annotations are postponed, for which Python itself does not see Required and NotRequired."""
    if get_origin(hint) in (typing.Required, typing.NotRequired):
        return get_origin(hint) is typing.Required
    return name in kind.__required_keys__


def _are_distinct(left: object, right: object) -> bool:
    """Whether a field of both has values that say which of the two it is."""
    theirs = fields(right)
    return any(
        is_literal(hint)
        and is_literal(theirs.get(name))
        and _forms_of_literal(hint).isdisjoint(_forms_of_literal(theirs[name]))
        for name, hint in fields(left).items()
    )


def _study(annotation: object, traits: Traits) -> None:
    options = members(annotation)
    traits.mixed |= len(options) > 1 and float in map(unwrapped, options) and not may_be_words(annotation)
    for kind in options:
        if is_anything(kind):
            traits.mixed = True
            continue
        if is_literal(kind):
            traits.inexact |= not all(type(each) in DISTINCT for each in get_args(kind))
        elif isinstance(origin := get_origin(kind) or kind, type):
            _study_class(kind, origin, traits)
        else:
            traits.inexact |= kind is not None


def _study_class(kind: object, origin: type, traits: Traits) -> None:
    if is_record(origin):
        _study_record(kind, origin, traits)
        return
    known = origin in EXACT or issubclass(origin, enum.Enum) or origin in SEQUENCES or origin in MAPPINGS
    known |= origin in ABSTRACT_LISTS or origin in ABSTRACT_SETS or origin in ABSTRACT_MAPPINGS
    traits.bytes |= origin is bytes
    traits.inexact |= not known
    for each in get_args(kind):
        if each is not Ellipsis:
            _study(each, traits)


def _study_record(kind: object, origin: type, traits: Traits) -> None:
    if kind in traits.seen:
        traits.recursive = True
        return
    traits.seen.append(kind)
    traits.inexact |= has_its_own_way(origin)
    for each in fields(kind).values():
        _study(each, traits)


def has_its_own_way(record: type) -> bool:
    """Whether its author decides how it is written or made, so that it need not come back as it was."""
    if is_model(record):
        return True
    if not dataclasses.is_dataclass(record):
        return False
    return hasattr(record, "__post_init__") or not all(field.init for field in dataclasses.fields(record))
