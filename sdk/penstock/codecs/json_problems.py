"""What pydantic found wrong, in our words: where in the value, what was expected, what to do."""

import re

from pydantic import ValidationError

from .encoded import type_name
from .errors import BadValue, CodecError, NoCodec, WrongType
from .walk import leaves

SURROGATE = "it contains a lone surrogate, which is not valid text; clean the text or return bytes"
CLIPPED_MAX = 80  # characters of a value shown in an error


def wrong_type(error: ValidationError, where: str, expected: str, *, wrapped: bool) -> WrongType:
    """Say where the value differs from the annotation `expected`; `wrapped`: pydantic saw it within a list."""
    problems = error.errors(include_url=False, include_context=False)
    given: object = problems[0]["input"]
    loc = problems[0]["loc"][1 if wrapped else 0 :]
    if loc and len(problems) == 1:
        where += "".join(f"[{each!r}]" for each in loc)
        expected = f"{problems[0]['msg'].removeprefix('Input should be ')} (in {expected})"
    elif len(problems) == 1 and not problems[0]["type"].endswith(("_type", "_of", "none_required")):
        expected += f": {problems[0]['msg']}"
    return WrongType(where, expected, f"{type_name(type(given))} {_clipped(given)}")


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
