"""pydantic's schema of an annotation, changed where pydantic would write or read a value other than it was.

Enums travel by name, times with their zones, sets in order; records refuse keys that they do not have.
"""

import enum
import re
from collections.abc import Callable
from typing import Any, cast

import pydantic_core
from pydantic_core import core_schema

from . import times

Schema = dict[str, Any]
# What schemas hold that is no schema.
_OPAQUE = frozenset({"metadata", "cls", "config", "default", "members", "expected", "function", "generic_origin"})
_RECORDS = frozenset({"dataclass-args", "typed-dict", "model-fields"})
# How all values are written; a record takes this over from nobody, so each gets it, beside what its class says itself.
CONFIG: Schema = {"ser_json_inf_nan": "constants", "ser_json_bytes": "base64", "val_json_bytes": "base64"}
_NUMBER = re.compile(r"-?\d+")


def adapted(schema: Any) -> Any:
    """The same schema with our own way for some classes."""
    if isinstance(schema, list):
        return [adapted(each) for each in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    found = cast(Schema, schema)
    made = {key: each if key in _OPAQUE else adapted(each) for key, each in found.items()}
    kind = made.get("type")
    if not isinstance(kind, str):
        return made
    if kind in _RECORDS:
        made["extra_behavior"] = "forbid"
    if kind in ("model", "dataclass", "typed-dict"):
        made["config"] = {**CONFIG, **made.get("config", {})}
        _keep_own_extra(made)
    change = _CHANGES.get(kind)
    return made if change is None or "serialization" in found else change(made)


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
        return sorted(items, key=lambda each: pydantic_core.to_json(each, inf_nan_mode="constants"))


_CHANGES: dict[str, Callable[[Schema], Schema]] = {
    "datetime": lambda made: _time(made, times.read_datetime),
    "time": lambda made: _time(made, times.read_time),
    "enum": _enum,
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
