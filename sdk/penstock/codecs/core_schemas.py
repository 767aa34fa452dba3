"""pydantic's schema of an annotation, changed where pydantic would write or read a value other than it was.

Enums travel by name, times with their zones, sets in order, NaN and infinities as text, where no other text may stand;
records refuse keys that they do not have.
"""

import enum
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import pydantic_core
from penstock_proto.wire import NOT_FINITE
from pydantic_core import core_schema

from . import times

Schema = dict[str, Any]
# What schemas hold that is no schema.
DEPTH_MAX = 32
_OPAQUE = frozenset({"metadata", "cls", "config", "default", "members", "expected", "function", "generic_origin"})
_RECORDS = frozenset({"dataclass-args", "typed-dict", "model-fields"})
# How all values are written; a record takes this over from nobody, so each gets it, beside what its class says itself.
CONFIG: Schema = {"ser_json_inf_nan": "strings", "ser_json_bytes": "base64", "val_json_bytes": "base64"}
# Forms of JSON that are never text.
_NO_TEXT = frozenset(
    {"int", "float", "bool", "none", "list", "tuple", "set", "frozenset", "dict", "model", "dataclass", "typed-dict"}
)
# In the place of an error, instead of the name of the form that was tried.
NUMBER = "\0number"
_NUMBER = re.compile(r"-?\d+")


def adapted(schema: Any) -> Any:
    """The same schema with our own way for some classes."""
    definitions = cast(list[Schema], schema.get("definitions", ()))
    return _adapted(schema, {each["ref"]: each for each in definitions})


def _adapted(schema: Any, named: Mapping[str, Schema]) -> Any:
    if isinstance(schema, list):
        return [_adapted(each, named) for each in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    found = cast(Schema, schema)
    made = {key: each if key in _OPAQUE else _adapted(each, named) for key, each in found.items()}
    kind = made.get("type")
    if not isinstance(kind, str):
        return made
    if kind == "union" and _may_be_text(found, named, 0):
        made["choices"] = [
            each if _kind(each) == "float" else changed
            for each, changed in zip(found["choices"], made["choices"], strict=True)
        ]
    if kind in _RECORDS:
        made["extra_behavior"] = "forbid"
    if kind in ("model", "dataclass", "typed-dict"):
        made["config"] = {**CONFIG, **made.get("config", {}), "ser_json_inf_nan": "strings"}
        _keep_own_extra(made)
    change = _CHANGES.get(kind)
    return made if change is None or "serialization" in found else change(made)


def _kind(choice: Any) -> str:
    """The kind of a union's member, which may have a label."""
    return cast(Schema, choice[0] if isinstance(choice, tuple) else choice).get("type", "")


def _may_be_text(schema: Schema, named: Mapping[str, Schema], depth: int) -> bool:
    """Whether JSON of it may be a text other than the words for NaN and the infinities."""
    kind = schema.get("type")
    if kind == "definition-ref":
        return depth > DEPTH_MAX or _may_be_text(named.get(schema["schema_ref"], {}), named, depth + 1)
    if kind == "nullable":
        return _may_be_text(schema["schema"], named, depth + 1)
    if kind == "union":
        members = (cast(Schema, each[0] if isinstance(each, tuple) else each) for each in schema["choices"])
        return any(_may_be_text(each, named, depth + 1) for each in members)
    if kind == "literal":
        return any(isinstance(each, str | enum.Enum) for each in schema["expected"])
    return kind not in _NO_TEXT or bool(schema.get("root_model"))


def _keep_own_extra(made: Schema) -> None:
    """A class that says itself what becomes of further keys has its way."""
    own = made.get("config", {}).get("extra_fields_behavior")
    inner: Schema | None = made
    while inner is not None and own is not None:
        if inner.get("type") in _RECORDS:
            inner["extra_behavior"] = own
        inner = inner.get("schema")


def _time(made: Schema, read: Callable[[object], Any]) -> Schema:
    parse = core_schema.no_info_plain_validator_function(read)
    return _by_form(
        core_schema.chain_schema([parse, cast(Any, made)]),
        made,
        core_schema.plain_serializer_function_ser_schema(times.written, when_used="json"),
    )


def _float(made: Schema) -> Schema:
    """Numbers, and the words for those that JSON has not."""
    words = core_schema.chain_schema(
        [
            core_schema.literal_schema(list(NOT_FINITE)),
            core_schema.no_info_plain_validator_function(float),
            cast(Any, made),
        ]
    )
    numbers = core_schema.union_schema([(cast(Any, made), NUMBER), (words, NUMBER)], mode="left_to_right")
    return _by_form(numbers, made, core_schema.simple_ser_schema("float"))


def _enum(made: Schema) -> Schema:
    cls = cast(type[enum.Enum], made["cls"])

    def member(value: object) -> enum.Enum:
        return read_member(cls, value)

    return _by_form(
        core_schema.no_info_plain_validator_function(member),
        core_schema.is_instance_schema(cls),
        core_schema.plain_serializer_function_ser_schema(name_of, when_used="json"),
        made.get("ref"),
    )


def _set(made: Schema) -> Schema:
    return {**made, "serialization": core_schema.wrap_serializer_function_ser_schema(_in_order, schema=cast(Any, made))}


def _by_form(json: Any, python: Any, write: Any, ref: str | None = None) -> Schema:
    found = core_schema.json_or_python_schema(json, python, serialization=write)
    return cast(Schema, {**found, "ref": ref} if ref else found)


def name_of(member: enum.Enum) -> str:
    """The name of an enum's member; of flags their names joined by `|`, and the number of what has no name."""
    if not isinstance(member, enum.Flag):
        return member.name
    names = [each.name for each in type(member) if each in member and each.name]
    rest = member.value
    for each in type(member):
        rest &= ~each.value if each in member else -1
    return "|".join([*names, *([str(rest)] if rest else [])] if names else [str(member.value)])


def read_member(cls: type[enum.Enum], value: object) -> enum.Enum:
    """The member of this name, or of this value; raises ValueError."""
    if isinstance(value, str):
        if value in cls.__members__:
            return cls.__members__[value]
        if issubclass(cls, enum.Flag):
            return _flags(cls, value)
    for member in cls:
        if type(member.value) is type(value) and member.value == value:
            return member
    if issubclass(cls, enum.Flag) and type(value) is int:
        return cls(value)
    raise ValueError(f"expected one of {', '.join(cls.__members__)}")


def _flags(cls: type[enum.Flag], text: str) -> enum.Flag:
    found = cls(0)
    for part in map(str.strip, text.split("|")):
        if part not in cls.__members__ and not _NUMBER.fullmatch(part):
            raise ValueError(f"expected some of {', '.join(cls.__members__)}, joined by |")
        found |= cls.__members__[part] if part in cls.__members__ else cls(int(part))
    return found


def _in_order(value: Any, write: Callable[[Any], Any]) -> Any:
    written = write(value)
    if not isinstance(written, list | set | frozenset):
        return written
    items = list(cast(Any, written))
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=lambda each: pydantic_core.to_json(each, inf_nan_mode="strings"))


_CHANGES: dict[str, Callable[[Schema], Schema]] = {
    "datetime": lambda made: _time(made, times.read_datetime),
    "time": lambda made: _time(made, times.read_time),
    "enum": _enum,
    "float": _float,
    "decimal": lambda made: {"allow_inf_nan": True, **made},
    "set": _set,
    "frozenset": _set,
    # pydantic drops a real part of zero, and its sign.
    "complex": lambda made: {
        **made,
        "serialization": core_schema.plain_serializer_function_ser_schema(
            lambda each: complex.__repr__(each).strip("()"), when_used="json"
        ),
    },
    # An iterable is carried as a list.
    "generator": lambda made: {
        "type": "list",
        **({"items_schema": made["items_schema"]} if "items_schema" in made else {}),
    },
}
