"""What pydantic found wrong, in our words: where in the value, what was expected, what to do."""

import re
from typing import cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .core_schemas import NUMBER
from .encoded import type_name
from .errors import BadValue, CodecError, NoCodec, Undecodable, WrongType
from .walk import leaves

SURROGATE = "it contains a lone surrogate, which is not valid text; clean the text or return bytes"
MISSING = frozenset(
    {"missing", "missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument"}
)
UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
CLIPPED_MAX = 80  # characters of a value shown in an error


def wrong_type(error: ValidationError, where: str, expected: str, *, wrapped: bool) -> WrongType:
    """Say where the value differs from the annotation `expected`; `wrapped`: pydantic saw it within a list."""
    problems = error.errors(include_url=False, include_context=False)
    first, given = problems[0], cast(object, problems[0]["input"])
    loc = first["loc"][1 if wrapped else 0 :]
    if len(problems) > 1:
        return WrongType(where, expected, f"{type_name(type(given))} {_clipped(given)}")
    where += "".join(f"[{each!r}]" for each in loc)
    if first["type"] in MISSING:
        return WrongType(where, "a value", "none")
    if first["type"] in UNKNOWN:
        return WrongType(where, f"no such field in {expected}", f"{type_name(type(given))} {_clipped(given)}")
    if loc or not first["type"].endswith(("_type", "_of", "none_required")):
        words = in_our_words(first).removeprefix("expected ")
        expected = f"{words} (in {expected})" if loc else f"{expected}, {words}"
    return WrongType(where, expected, f"{type_name(type(given))} {_clipped(given)}")


def undecodable(error: Exception, data: bytes, *, wrapped: bool) -> Undecodable:
    """Say where in the data is what the annotation does not admit."""
    text = bytes(data[:CLIPPED_MAX]).decode(errors="replace")
    if not isinstance(error, ValidationError):
        return Undecodable("json", f"{first_line(error)} ({text})")
    problem = error.errors(include_url=False, include_context=False)[0]
    place = "".join(f"[{part!r}]" for part in problem["loc"][1 if wrapped else 0 :] if part != NUMBER)
    return Undecodable("json", f"{f'at {place}: ' if place else ''}{in_our_words(problem)} ({text})")


def in_our_words(problem: ErrorDetails) -> str:
    """One problem that pydantic found, without its own manner of speaking."""
    kind, text = problem["type"], problem["msg"]
    if kind in UNKNOWN:
        return f"unknown field {str(problem['loc'][-1])!r}"
    if kind in MISSING:
        return f"field {str(problem['loc'][-1])!r} is missing"
    for start in ("Value error, ", "Input should be ", "Invalid JSON: "):
        if text.startswith(start):
            return ("not valid JSON: " if start[-2] == ":" else "" if start[0] == "V" else "expected ") + text[
                len(start) :
            ]
    return text[:1].lower() + text[1:]


def unwritable(error: Exception, value: object, where: str) -> CodecError:
    """Say where in the value it is that cannot be written."""
    text = str(error)
    if isinstance(error, UnicodeEncodeError) or "UnicodeEncodeError" in text:
        return BadValue(surrogate_within(value, where) or where, SURROGATE)
    if found := re.search(r"Unable to serialize unknown type: <(?:class|enum) '(.*)'>", text):
        place = next((place for place, leaf in leaves(value, where) if str(type(leaf))[8:-2] == found[1]), where)
        return NoCodec(found[1], place, "return data of known types, or register a codec for it")
    if found := re.search(r"Expected `(.*?)` .*?\[(?:field_name='(.*?)', )?input_value=(.*), input_type=(.*)\]", text):
        return WrongType(f"{where}.{found[2]}" if found[2] else where, found[1], f"{found[4]} {found[3]}")
    if "Circular reference" in text or isinstance(error, RecursionError):
        return BadValue(where, "it contains itself, or is nested too deep")
    return BadValue(where, first_line(error))


def surrogate_within(value: object, where: str) -> str | None:
    """The place of a text that is not valid Unicode."""
    return next((place for place, leaf in leaves(value, where) if _has_surrogates(leaf)), None)


def _has_surrogates(leaf: object) -> bool:
    return isinstance(leaf, str) and any("\ud800" <= character <= "\udfff" for character in leaf)


def _clipped(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # whatever a foreign class raises here must not hide the real problem
        text = f"<no repr: {type_name(type(error))}>"
    return text if len(text) <= CLIPPED_MAX else text[:CLIPPED_MAX] + "..."


def first_line(error: Exception) -> str:
    """What matters of an error's text."""
    return " ".join(line.strip() for line in str(error).splitlines()[:3])
