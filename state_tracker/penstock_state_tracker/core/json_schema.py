"""The part of JSON Schema that is cheap to check and catches most mistakes; what it does not know, it accepts.

The worker decodes every value by its Python type and has the last word.
"""

import json
from collections.abc import Callable, Mapping, Sized
from typing import Any, Final, NamedTuple, cast

DEPTH_MAX: Final = 32
# Parts of schemas looked at for all values of one request: choices within choices could go on without end. Cheap ones
# count in groups.
STEPS_MAX: Final = 4_000
CHEAP_PARTS: Final = 16
SHOWN_CHARS_MAX: Final = 80
# Values of an enum, and choices that do not fit, that a message names.
NAMED_MAX: Final = 10

TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
LIMITS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "minimum": ("at least", lambda value, limit: value >= limit),
    "maximum": ("at most", lambda value, limit: value <= limit),
    "exclusiveMinimum": ("more than", lambda value, limit: value > limit),
    "exclusiveMaximum": ("less than", lambda value, limit: value < limit),
}
LENGTHS: Final[Mapping[str, tuple[str, Callable[[int, int], bool]]]] = {
    "minLength": ("at least", lambda length, limit: length >= limit),
    "maxLength": ("at most", lambda length, limit: length <= limit),
    "minItems": ("at least", lambda length, limit: length >= limit),
    "maxItems": ("at most", lambda length, limit: length <= limit),
}


class Steps:
    """How much may still be looked at."""

    def __init__(self, most: int = STEPS_MAX) -> None:
        self._left = most

    def take(self, cheap_parts: int = 0) -> None:
        """Count a part, and the cheap ones within it; raise _TooMuch once they are used up."""
        self._left -= 1 + cheap_parts // CHEAP_PARTS
        if self._left < 0:
            raise _TooMuch


def problem(schema: Any, value: Any, steps: Steps | None = None) -> str:
    """Return what is wrong with a decoded value, to follow its name in a sentence; empty if nothing."""
    try:
        return _problem(schema, value, _Whole(schema, steps or Steps()), 0)
    except (TypeError, AttributeError, KeyError, ValueError, RecursionError, _TooMuch):
        return ""  # a schema of a shape that we do not know


class _TooMuch(Exception):
    """The schema has more choices than are looked at."""


class _Whole(NamedTuple):
    """What all parts of one check share."""

    schema: Any
    steps: Steps


def _problem(schema: Any, value: Any, root: _Whole, depth: int) -> str:
    root.steps.take()
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return ""
    rules = cast(dict[str, Any], schema)
    if "$ref" in rules:
        root.steps.take(len(rules["$ref"]))
        return _problem(_resolved(rules["$ref"], root.schema), value, root, depth + 1)
    if "anyOf" in rules:
        found = [_problem(choice, value, root, depth + 1) for choice in rules["anyOf"]]
        return "" if "" in found else " and ".join(list(dict.fromkeys(found))[:NAMED_MAX])
    if "type" in rules and not _is_a(rules["type"], value):
        return f"must be {' or '.join(_kinds(rules['type']))}, not {_shown(value)}"
    if "enum" in rules:
        root.steps.take(len(rules["enum"]))
        if value not in rules["enum"]:
            return f"must be one of {_named(rules['enum'])}, not {_shown(value)}"
    if "const" in rules and value != rules["const"]:
        return f"must be {_shown(rules['const'])}, not {_shown(value)}"
    return _limits(rules, value) or _parts(rules, value, root, depth)


def _kinds(kinds: Any) -> list[str]:
    return cast(list[str], kinds) if isinstance(kinds, list) else [kinds]


def _is_a(kinds: Any, value: Any) -> bool:
    for kind in _kinds(kinds):
        if kind == "integer":
            if not isinstance(value, bool) and (isinstance(value, int) or _is_whole(value)):
                return True
        elif kind not in TYPES or (
            isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        ):
            return True
    return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _limits(rules: dict[str, Any], value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, (words, holds) in LIMITS.items():
            if keyword in rules and not holds(value, rules[keyword]):
                return f"must be {words} {rules[keyword]}, not {_shown(value)}"
    elif isinstance(value, str | list):
        sized = cast(Sized, value)
        for keyword, (words, holds) in LENGTHS.items():
            if keyword in rules and not holds(len(sized), rules[keyword]):
                unit = "characters" if isinstance(value, str) else "items"
                return f"must have {words} {rules[keyword]} {unit}, not {len(sized)}"
    return ""


def _parts(rules: dict[str, Any], value: Any, root: _Whole, depth: int) -> str:
    if isinstance(value, list):
        for index, item in enumerate(cast(list[Any], value)):
            if found := _problem(rules.get("items"), item, root, depth + 1):
                return f"item {index} {found}"
    elif isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        root.steps.take(len(rules.get("required", ())))
        for name in rules.get("required", ()):
            if name not in fields:
                return f"must have {name!r}"
        for name, item in fields.items():
            inner = rules.get("properties", {}).get(name, rules.get("additionalProperties"))
            if found := _problem(inner, item, root, depth + 1):
                return f"field {name!r} {found}"
    return ""


def _resolved(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _named(choices: Any) -> str:
    more = f" or {len(choices) - NAMED_MAX} others" if len(choices) > NAMED_MAX else ""
    return ", ".join(map(_shown, choices[:NAMED_MAX])) + more


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."
