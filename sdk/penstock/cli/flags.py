"""Command-line flags of a workflow: the text after `--name` is read by the input's JSON Schema."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

Schema = Mapping[str, Any]
FILE_BYTES_MAX = 64 << 20
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
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
    schema = resolve(schema, schema)
    is_list = any(option.get("type") == "array" for option in _alternatives(schema, schema))
    if is_list and not (len(texts) == 1 and texts[0][:1] in ("[", "@")):
        if len(texts) == 1 and texts[0].lower() in _NULL and _accepts_null(schema):
            return None
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
            return _read_as(option, text)
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
        return _choice(cast(list[Any], option.get("enum", [option.get("const")])), text)
    match option.get("type"):
        case "string":
            return text
        case "integer":
            return _integer(text)
        case "number":
            value = float(text.replace("_", ""))
            if not math.isfinite(value):
                raise ValueError("not a finite number")
            return value
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
                return json.loads(text)
            except ValueError:
                return text


def _choice(values: list[Any], text: str) -> Any:
    for value in values:
        if value == text or json.dumps(value) == text or (value is None and text.lower() in _NULL):
            return value
    raise ValueError("one of " + ", ".join(str(value) for value in values))


def _integer(text: str) -> int:
    try:
        return int(text, 10)
    except ValueError:
        raise ValueError("a whole number") from None


def _json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from None
    if not isinstance(value, kind):
        raise ValueError("a JSON " + ("object" if kind is dict else "list"))
    return value


def _read_file(name: str) -> Any:
    try:
        path = Path(name)
        if path.stat().st_size > FILE_BYTES_MAX:
            raise BadValue(f"{name} is larger than {FILE_BYTES_MAX >> 20} MiB")
        return json.loads(path.read_text())
    except OSError as error:
        raise BadValue(f"cannot read {name}: {error.strerror}") from None
    except ValueError as error:
        raise BadValue(f"{name} is not valid JSON: {error}") from None


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


def _accepts_null(schema: Schema) -> bool:
    return any(option.get("type") == "null" for option in _alternatives(schema, schema))


def type_text(schema: Schema, root: Schema | None = None) -> str:
    """Return a short text for the type of a flag."""
    root = root or schema
    names = [_plain_text(option, root) for option in _alternatives(schema, root)]
    return " or ".join(dict.fromkeys(names))


def _plain_text(option: Schema, root: Schema) -> str:
    if "enum" in option or "const" in option:
        values = cast(list[Any], option.get("enum", [option.get("const")]))
        return "one of " + ", ".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    kind = option.get("type")
    match kind:
        case "integer" | "number" | "boolean" | "string" | "null":
            text = {"integer": "int", "number": "float", "boolean": "bool", "string": "text", "null": "null"}[kind]
            return text + _bounds(option)
        case "array":
            items = cast(Schema, option.get("items") or {})
            return f"list of {type_text(items, root)}" if items else "list"
        case "object":
            return f"JSON or @FILE of {option.get('title', 'an object')}"
        case _:
            return "JSON"


def _bounds(option: Schema) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {option[word]}" for word, sign in signs.items() if word in option]
    return f" {' and '.join(found)}" if found else ""
