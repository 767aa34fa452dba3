"""JSON that means the same to every reader (I-JSON, RFC 7493): what readers disagree about is refused."""

import json
import re
from typing import Any, Final, cast

from ..errors import GatewayError

DEPTH_MAX: Final = 64
BOM: Final = b"\xef\xbb\xbf"
# A whole string, or a bracket.
BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')


class BadJson(GatewayError):
    """The bytes are not JSON, or not JSON that all readers agree about; the text says where."""


def parse(data: bytes) -> Any:
    """Return the value; raise BadJson.

    Refused beyond the grammar: duplicate names, lone surrogates, NaN and infinities, a byte order mark, numbers that no
    double can hold unless they are integers, and more than DEPTH_MAX levels.
    """
    if data.startswith(BOM):
        raise BadJson("the body starts with a byte order mark; leave it out")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadJson(f"the body is not UTF-8 at byte {error.start}") from None
    if _depth(text) > DEPTH_MAX:
        raise BadJson(f"the body has more than {DEPTH_MAX} levels of arrays and objects")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise BadJson(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:  # an integer with more digits than Python reads
        raise BadJson("the body has a number that is too long") from None
    _check_texts(value)
    return value


def write(value: Any) -> bytes:
    """Return a value that `parse` returned, always in the same bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _depth(text: str) -> int:
    """Return the levels of brackets outside of strings: a deeper value would exhaust the stack of its reader."""
    depth = deepest = 0
    for found in BRACKETS.finditer(text):
        if found.group() in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif found.group() in ("]", "}"):
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise BadJson(f"the body has the name {twice[:100]!r} twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise BadJson(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BadJson(f"the number {text[:40]} is too large")
    return number


def _check_texts(value: Any) -> None:
    """Refuse halves of surrogate pairs: they have no UTF-8."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            _check_text(one)
        elif isinstance(one, list):
            waiting.extend(cast("list[Any]", one))
        elif isinstance(one, dict):
            waiting.extend(cast("dict[str, Any]", one))
            waiting.extend(cast("dict[str, Any]", one).values())


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadJson("the body has half of a surrogate pair in a text") from None
