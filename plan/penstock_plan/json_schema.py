"""Whether a JSON value fits a JSON Schema: one verdict for the State Tracker, the gateway and the command line.

The schemas come from outside. One that nests choices without end, or names another document, is not used: the worker
decodes every value by its Python type and has the last word.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, cast

import jsonschema_rs
from penstock_proto.wire import is_words

# A larger schema is not used.
SCHEMA_CHARS_MAX: Final = 64 * 1024
# Parts of a schema that one place in a value may have to be compared with, and all values of one request together.
COST_MAX: Final = 4_000
REQUEST_COST_MAX: Final = 40_000
DEPTH_MAX: Final = 32
# Values of an enum that cost as much as one part.
CHEAP_PARTS: Final = 16
BACKTRACKS_MAX: Final = 10_000
SHOWN_CHARS_MAX: Final = 80
# Values of an enum, and choices that do not fit, that a message names.
NAMED_MAX: Final = 10

# Keywords with schemas for the same value, and with those for the values in it.
_HERE: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
_WITHIN: Final = (
    "properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties",
    "items", "prefixItems", "contains", "additionalItems", "unevaluatedItems",
)  # fmt: skip
_UNDECIDED: Final = ("BacktrackLimitExceeded", "RegexEngineFailure")  # a pattern that takes too long
_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_SIZES: Final[Mapping[str, tuple[str, str]]] = {
    "minLength": ("at least", "characters"),
    "maxLength": ("at most", "characters"),
    "minItems": ("at least", "items"),
    "maxItems": ("at most", "items"),
    "minProperties": ("at least", "fields"),
    "maxProperties": ("at most", "fields"),
}


class BadJson(ValueError):
    """The bytes are not JSON; the text says why."""


class Budget:
    """How much all values of one request may cost."""

    __slots__ = ("left",)

    def __init__(self, most: int = REQUEST_COST_MAX) -> None:
        self.left = most


class Fault(NamedTuple):
    """One thing that is wrong with a value: where, as a JSON pointer, and what, to follow its name in a sentence."""

    pointer: str
    text: str


class Schema:
    """A schema made ready, once for all values."""

    __slots__ = ("_costs", "_validator")

    def __init__(self, schema: Any) -> None:
        """Any schema; one that cannot be used admits everything."""
        self._costs = _costs(schema)
        self._validator: Any = None
        if self._costs:
            try:
                self._validator = jsonschema_rs.Draft202012Validator(
                    schema,
                    validate_formats=False,
                    offline=True,
                    pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS_MAX),
                )
            except (ValueError, TypeError, RecursionError):  # a schema of a shape that does not exist
                self._costs = []

    @classmethod
    def of(cls, text: str) -> "Schema | None":
        """The schema of a text; None if it admits everything."""
        if not 0 < len(text) <= SCHEMA_CHARS_MAX:
            return None
        try:
            made = cls(json.loads(text))
        except (ValueError, RecursionError):
            return None  # the plan's check is where this is said
        return made if made._costs else None

    def problem_of(self, data: bytes | str, budget: Budget | None = None) -> str:
        """What is wrong with a value in JSON, to follow its name in a sentence; empty if nothing. Raises BadJson."""
        return self.problem(parsed(data), budget)

    def problem(self, value: Any, budget: Budget | None = None) -> str:
        """The same of a value that was parsed."""
        found = self.faults(value, budget, 1)
        return found[0].text if found else ""

    def faults(self, value: Any, budget: Budget | None, count_max: int) -> list[Fault]:
        """The first things that are wrong with a value that was parsed."""
        depth = _depth(value)
        if depth >= len(self._costs) and not self._is_flat():
            return []
        if budget is not None:
            budget.left -= self._costs[min(depth, len(self._costs) - 1)]
            if budget.left < 0:
                return []
        try:
            if self._validator.is_valid(value):
                return []
            errors: list[Any] = list(islice(self._validator.iter_errors(value), count_max))
        except UnicodeEncodeError:
            return [Fault("", "has text with a lone surrogate, which is not valid text")]
        if errors and type(errors[0].kind).__name__ in _UNDECIDED:
            return []
        return [Fault(_pointer(one), _words(one)) for one in errors if type(one.kind).__name__ not in _UNDECIDED]

    def _is_flat(self) -> bool:
        """Whether a deeper value costs no more, since no schema looks there."""
        return len(self._costs) > DEPTH_MAX or (len(self._costs) > 1 and self._costs[-1] == self._costs[-2])


def parsed(data: bytes | str) -> Any:
    """The value that JSON stands for; raises BadJson."""
    try:
        return json.loads(data, parse_constant=str)  # as older clients write them
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except ValueError as error:
        raise BadJson(str(error)) from None


class _TooMuch(Exception):
    """The schema is not used for values of this depth."""


def _costs(schema: Any) -> list[int]:
    """What a value may cost, by its depth, as far as that is little; nothing if the schema cannot be used."""
    found: list[int] = []
    try:
        for depth in range(DEPTH_MAX + 1):
            found.append(_cost(schema, depth, schema, {}, set()))
    except (_TooMuch, RecursionError):
        pass
    return found


def _cost(schema: Any, depth: int, root: Any, known: dict[tuple[int, int], int], around: set[int]) -> int:
    """Raises _TooMuch, also for one that refers to itself for the same value."""
    if not isinstance(schema, dict):
        return 1
    rules, key = cast(dict[str, Any], schema), (id(cast(object, schema)), depth)
    if (cost := known.get(key)) is not None:
        return cost
    if key[0] in around or "$dynamicRef" in rules:
        raise _TooMuch
    around.add(key[0])
    if isinstance(choices := rules.get("anyOf"), list):  # a float costs as much as any number
        rules = rules | {"anyOf": [each for each in cast(list[Any], choices) if not is_words(each)]}
    options: object = rules.get("enum")
    cost = 1 + (len(cast(list[object], options)) // CHEAP_PARTS if isinstance(options, list) else 0)
    if (reference := rules.get("$ref")) is not None:
        cost += _cost(_resolved(reference, root), depth, root, known, around)
    for each in _schemas(rules, _HERE):
        cost += _cost(each, depth, root, known, around)
        if cost > COST_MAX:
            raise _TooMuch
    around.discard(key[0])
    for each in _schemas(rules, _WITHIN) if depth else ():
        cost += _cost(each, depth - 1, root, known, set())
        if cost > COST_MAX:
            raise _TooMuch
    known[key] = cost
    return cost


def _schemas(rules: dict[str, Any], keywords: Sequence[str]) -> list[Any]:
    found: list[Any] = []
    for keyword in keywords:
        value = rules.get(keyword)
        if isinstance(value, list):
            found += cast(list[Any], value)
        elif isinstance(value, dict):
            named = keyword in ("properties", "patternProperties", "dependentSchemas")
            found += list(cast(dict[str, Any], value).values()) if named else [value]
    return found


def _resolved(reference: Any, root: Any) -> Any:
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise _TooMuch
    found: Any = root
    try:
        for part in reference.removeprefix("#").split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            found = found[int(part) if isinstance(found, list) else part]
    except (KeyError, IndexError, ValueError, TypeError):
        raise _TooMuch from None
    return found


def _depth(value: Any) -> int:
    """How deep a value is nested."""
    depth, level = 0, [value]
    while level := [
        inner
        for each in level
        if isinstance(each, dict | list)
        for inner in (cast(dict[str, Any], each).values() if isinstance(each, dict) else cast(list[Any], each))
    ]:
        depth += 1
    return depth


def _pointer(error: Any) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in error.instance_path)
    return "".join(f"/{part}" for part in parts)


def _words(error: Any, outer: int = 0) -> str:
    """What is wrong, in our words, after the place where it is, without what was said of that already."""
    path = list(error.instance_path)[outer:]
    place = "".join(f"item {part} " if isinstance(part, int) else f"field {part!r} " for part in path)
    return place + _what(error)


def _what(error: Any) -> str:
    kind, value = error.kind, error.instance
    name = str(kind.name)
    if name == "type":
        return f"must be {' or '.join(kind.types)}, not {_shown(value)}"
    if name == "enum":
        return f"must be one of {_named(kind.options)}, not {_shown(value)}"
    if name == "const":
        return f"must be {_shown(kind.expected_value)}, not {_shown(value)}"
    if name in _BOUNDS:
        return f"must be {_BOUNDS[name]} {kind.limit}, not {_shown(value)}"
    if name in _SIZES:
        words, unit = _SIZES[name]
        return f"must have {words} {kind.limit} {unit}, not {len(value)}"
    if name == "required":
        return f"must have {kind.property!r}"
    if name == "additionalProperties":
        return f"has no field {', '.join(map(repr, kind.unexpected[:NAMED_MAX]))}"
    if name in ("anyOf", "oneOf") and hasattr(kind, "context"):
        outer = len(error.instance_path)
        choices = [_words(errors[0], outer) for errors in kind.context if errors and not _is_of_words(errors[0])]
        return " and ".join(list(dict.fromkeys(choices))[:NAMED_MAX]) or f"fits several choices: {_shown(value)}"
    if name == "pattern":
        return f"must match {kind.pattern!r}, not {_shown(value)}"
    if name == "multipleOf":
        return f"must be a multiple of {kind.multiple_of}, not {_shown(value)}"
    if name == "uniqueItems":
        return "must have no item twice"
    return f"is not valid: {_shown(value)} breaks the rule {name!r}"


def _is_of_words(error: Any) -> bool:
    """Whether it says that a value is no number, which the other choice of a float says, too."""
    return error.kind.name == "enum" and is_words({"enum": list(error.kind.options)})


def _named(choices: Any) -> str:
    more = f" or {len(choices) - NAMED_MAX} others" if len(choices) > NAMED_MAX else ""
    return ", ".join(map(_shown, choices[:NAMED_MAX])) + more


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."
