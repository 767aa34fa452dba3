"""Command-line flags of a workflow: the text after `--name` is read by the input's JSON Schema."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from penstock_proto.wire import in_words, is_words

Schema = Mapping[str, Any]
FILE_BYTES_MAX = 64 << 20
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
TOO_DEEP = "it is nested too deeply; the limit is 100"
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|min|m|h|d|w)")
_UNITS: Mapping[str, Decimal] = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
    "w": Decimal(604800),
}
_NULL = frozenset({"null", "none"})


@dataclass(frozen=True, slots=True)
class Flag:
    name: str
    schema: Schema
    required: bool
    # JSON of the default; None where there is none or it has no short form.
    default: str | None = None
    doc: str = ""

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


class BadValue(Exception):
    """The text does not match the schema; the message says what would."""


def parse(flags: Sequence[Flag], words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the JSON value of each input that is given, and everything that is wrong, one line each."""
    known = {option: flag for flag in flags for option in (flag.option, "--" + flag.name)}
    given, problems = _collect(known, words)
    values: dict[str, Any] = {}
    for flag in flags:
        if (texts := given.get(flag.name)) is not None:
            try:
                values[flag.name] = read(flag.schema, texts)
            except BadValue as error:
                problems.append(f"{flag.option}: {error}")
        elif flag.required:
            problems.append(f"{flag.option} is missing ({type_text(flag.schema)})")
    return values, problems


def _collect(known: Mapping[str, Flag], words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    given: dict[str, list[str]] = {}
    problems: list[str] = []
    left = list(reversed(words))
    while left:
        word = left.pop()
        option, equals, text = word.partition("=")
        flag = known.get(option)
        if flag is None:
            problems.append(_unknown(option, known, left))
            continue
        if not equals:
            if _is_bool(flag.schema) and (not left or left[-1].lower() not in _TRUE | _FALSE):
                text = "true"
            elif not left:
                problems.append(f"{option} needs a value ({type_text(flag.schema)})")
                continue
            else:
                text = left.pop()
        given.setdefault(flag.name, []).append(text)
    return given, problems


def _unknown(option: str, known: Mapping[str, Flag], left: list[str]) -> str:
    """Handle `--no-flag`; otherwise return a message with the known inputs. An unknown option's value is skipped."""
    positive = "--" + option.removeprefix("--no-")
    if option.startswith("--no-") and positive in known and _is_bool(known[positive].schema):
        left.extend(["false", positive])
        return ""
    if left and option.startswith("--") and not left[-1].startswith("--"):
        left.pop()
    names = ", ".join(dict.fromkeys(flag.option for flag in known.values()))
    what = (
        f"unknown input {option}"
        if option.startswith("-")
        else f"unexpected argument {option!r}: no --NAME comes before it"
    )
    return f"{what}; " + (f"the inputs are {names}" if names else "the workflow has no inputs")


def read(schema: Schema, texts: Sequence[str]) -> Any:
    """Return the JSON value of the texts; several texts, or one that is not a JSON list, are the items of a list."""
    try:
        return in_words(_adapted(_read(resolve(schema, schema), texts), schema, schema))
    except RecursionError:
        raise BadValue(TOO_DEEP) from None


def _read(schema: Schema, texts: Sequence[str]) -> Any:
    is_list = any(option.get("type") == "array" for option in _alternatives(schema, schema))
    if is_list and not (len(texts) == 1 and texts[0][:1] in ("[", "@")):
        others = [option for option in _alternatives(schema, schema) if option.get("type") not in ("array", "object")]
        if len(texts) == 1 and others:
            with contextlib.suppress(BadValue):  # one text is no list where it may be something else
                return _read_one({"anyOf": others}, schema, texts[0])
        array = next(option for option in _alternatives(schema, schema) if option.get("type") == "array")
        return [_read_one(_item(array, index), schema, text) for index, text in enumerate(texts)]
    if len(texts) > 1:
        raise BadValue(f"given {len(texts)} times, but it takes one value ({type_text(schema)})")
    return _read_one(schema, schema, texts[0])


def _item(array: Schema, index: int) -> Schema:
    prefix = cast(list[Schema], array.get("prefixItems") or [])
    return prefix[index] if index < len(prefix) else cast(Schema, array.get("items") or {})


def _read_one(schema: Schema, root: Schema, text: str) -> Any:
    alternatives = _alternatives(schema, root)
    is_text = any(option.get("type") == "string" and "enum" not in option for option in alternatives)
    if text.startswith("@") and not is_text:
        return _read_file(text[1:])
    reasons: list[str] = []
    for option in sorted(alternatives, key=_order):
        try:
            value = _read_as(option, text)
            if is_text and option.get("type") in ("integer", "number") and json.dumps(value) != text:
                continue  # 007 is a text where it may be one
            return value
        except ValueError as error:
            reasons.append(str(error))
    raise BadValue(f"{text!r} is not {type_text(schema, root)}" + (f" ({reasons[0]})" if len(reasons) == 1 else ""))


def _order(option: Schema) -> int:
    """Strict forms first; anything is a string, so that comes last."""
    kind = option.get("type")
    return (
        9
        if kind == "string" and "enum" not in option
        else ("null", "boolean", "integer", "number").index(kind)
        if kind
        in (
            "null",
            "boolean",
            "integer",
            "number",
        )
        else 5
    )


def _read_as(option: Schema, text: str) -> Any:
    """Read the text as one plain schema; raise ValueError with the reason, empty if there is nothing to add."""
    if "enum" in option or "const" in option:
        values = cast(list[Any], option.get("enum", [option.get("const")]))
        return _choice(values, text, cast(list[str], option.get("x-names") or []))
    match option.get("type"):
        case "string" if option.get("format") == "duration":
            return duration(text)
        case "string":
            return text
        case "integer":
            return _integer(text)
        case "number":
            return float(text.replace("_", ""))
        case "boolean":
            if text.lower() in _TRUE or text.lower() in _FALSE:
                return text.lower() in _TRUE
            raise ValueError("true or false")
        case "null":
            if text.lower() in _NULL:
                return None
            raise ValueError("null")
        case "object" | "array":
            return _json(text, dict if option.get("type") == "object" else list)
        case _:
            try:
                return _loaded(text)
            except ValueError:
                return text


def _choice(values: list[Any], text: str, names: list[str]) -> Any:
    for value in values:
        if value == text or json.dumps(value) == text or (value is None and text.lower() in _NULL):
            return value
    raise ValueError("one of " + ", ".join(str(value) for value in names or values))


def _integer(text: str) -> int:
    try:
        return int(text, 10)
    except ValueError:
        raise ValueError("a whole number") from None


def _json(text: str, kind: type) -> Any:
    value = _loaded(text)
    if not isinstance(value, kind):
        raise ValueError("a JSON " + ("object" if kind is dict else "list"))
    return value


def _read_file(name: str) -> Any:
    try:
        path = Path(name)
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadValue(f"{name} is larger than {FILE_BYTES_MAX >> 20} MiB")
        return _loaded(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadValue(f"cannot read {name}: {error.strerror}") from None
    except ValueError as error:
        raise BadValue(f"{name} is {error}") from None


class Number(float):
    """A number of JSON that keeps its text, for where decimals are asked for."""

    def __new__(cls, text: str) -> Number:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Number, parse_constant=str)
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from None


def _adapted(value: Any, schema: Schema, root: Schema) -> Any:
    """The value as its schema has it: decimals and durations, which people write as numbers and words, as text."""
    options = _alternatives(schema, root)
    if isinstance(value, list):
        array = _first(options, "array")
        return [_adapted(item, _item(array, at), root) for at, item in enumerate(cast("list[Any]", value))]
    if isinstance(value, dict):
        record = _first(options, "object")
        fields = cast("Mapping[str, Schema]", record.get("properties") or {})
        rest = record.get("additionalProperties")
        other: Schema = cast(Schema, rest) if isinstance(rest, dict) else {}
        named = cast("dict[str, Any]", value)
        return {name: _adapted(each, fields.get(name, other), root) for name, each in named.items()}
    return _adapted_scalar(value, [option.get("format") for option in options])


def _first(options: Sequence[Schema], kind: str) -> Schema:
    """The alternative of this type; anything if there is none."""
    return next((option for option in options if option.get("type") == kind), cast(Schema, {}))


def _adapted_scalar(value: Any, formats: Sequence[Any]) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and "decimal" in formats:
        return value.text if isinstance(value, Number) else str(value)
    if isinstance(value, str) and "duration" in formats:
        try:
            return duration(value)
        except ValueError as error:
            raise BadValue(f"{value!r} is not a duration ({error})") from None
    return float(value) if isinstance(value, Number) else value


def duration(text: str) -> str:
    """Return a duration in the form of ISO 8601; raise ValueError unless it is in that or as people write it."""
    if text.lstrip("+-")[:1] == "P":
        return text
    sign, rest = ("-", text[1:]) if text[:1] == "-" else ("", text)
    parts = _DURATION_PART.findall(rest.replace(" ", ""))
    if not parts or "".join(number + unit for number, unit in parts) != rest.replace(" ", ""):
        raise ValueError("such as 90s, 1h30m, 2d or 500ms")
    total = sum((Decimal(number) * _UNITS[unit] for number, unit in parts), Decimal(0))
    return f"{sign}PT{total:f}S"


def resolve(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref` into the definitions of the same schema."""
    for _ in range(16):
        ref = schema.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/$defs/"):
            break
        definitions = cast(Mapping[str, Schema], root.get("$defs") or {})
        schema = {"$defs": definitions, **definitions.get(ref.removeprefix("#/$defs/"), {})}
    return schema


def _alternatives(schema: Schema, root: Schema) -> list[Schema]:
    schema = resolve(schema, root)
    options = cast(list[Schema], schema.get("anyOf") or schema.get("oneOf") or [])
    if options:
        return [found for option in options for found in _alternatives(option, root)]
    if isinstance(kinds := schema.get("type"), list):
        return [{**schema, "type": kind} for kind in cast(list[str], kinds)]
    return [schema]


def _is_bool(schema: Schema) -> bool:
    return any(option.get("type") == "boolean" for option in _alternatives(schema, schema))


def type_text(schema: Schema, root: Schema | None = None) -> str:
    """Return a short text for the type of a flag."""
    root = root or schema
    if names := cast("list[str]", resolve(schema, root).get("x-names")):
        joined = " or ".join(["", *([] if "enum" in resolve(schema, root) else ["several joined by |"])])
        return f"one of {', '.join(names)}{joined}"
    names = [_plain_text(option, root) for option in _alternatives(schema, root) if not is_words(option)]
    return " or ".join(dict.fromkeys(names))


def _plain_text(option: Schema, root: Schema) -> str:
    if "enum" in option or "const" in option:
        values = cast(list[Any], option.get("x-names") or option.get("enum", [option.get("const")]))
        return "one of " + ", ".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    kind = option.get("type")
    match kind:
        case "integer" | "number" | "boolean" | "string" | "null":
            if kind == "string" and (words := _FORMATS.get(str(option.get("format")))):
                return words
            text = {"integer": "int", "number": "float", "boolean": "bool", "string": "text", "null": "null"}[kind]
            return text + _bounds(option)
        case "array":
            items = cast(Schema, option.get("items") or {})
            return f"list of {type_text(items, root)}" if items else "list"
        case "object":
            return f"JSON or @FILE of {option.get('title', 'an object')}"
        case _:
            return "JSON"


# What a text must look like, by its format.
_FORMATS: Mapping[str, str] = {
    "decimal": "decimal number",
    "duration": "duration, such as 90s or 1h30m",
    "date": "date, such as 2024-05-01",
    "date-time": "date and time, such as 2024-05-01T10:00",
    "time": "time of day, such as 10:00",
    "uuid": "UUID",
    "path": "path",
}


def _bounds(option: Schema) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {option[word]}" for word, sign in signs.items() if word in option]
    return f" {' and '.join(found)}" if found else ""
