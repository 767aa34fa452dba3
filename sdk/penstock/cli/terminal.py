"""Output to the terminal: text of users with control characters escaped, short times and sizes."""

from __future__ import annotations

import datetime
import json
import sys
import unicodedata
from typing import Any

# Characters that move the cursor, change colours or the direction of text: everything of these categories but the tab.
_CONTROL = ("Cc", "Cf", "Cs", "Zl", "Zp")


def clean(text: str) -> str:
    """Return the text with control characters written out, so that a name or a log line cannot steer the terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(char) for char in text)


def clean_lines(text: str) -> str:
    """Like `clean`, for text of several lines."""
    return "\n".join(clean(line) for line in text.split("\n"))


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if char != "\t" and _steers(char) else char


def _steers(char: str) -> bool:
    return unicodedata.category(char) in _CONTROL and char != "\u200d"  # it joins the parts of an emoji


def seconds(duration_s: float) -> str:
    """Return a duration in about four characters."""
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.3g} ms" if duration_s < 0.0995 else f"{duration_s * 1000:.0f} ms"
    if duration_s < 100:
        return f"{duration_s:.1f} s"
    minutes, rest_s = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest_s:02d} s"


def clock(at_us: int) -> str:
    """Return the local time of day."""
    return datetime.datetime.fromtimestamp(at_us / 1e6).strftime("%H:%M:%S.%f")[:-3] if at_us else ""


def date(at_us: int) -> str:
    """Return the local date and time."""
    return datetime.datetime.fromtimestamp(at_us / 1e6).strftime("%Y-%m-%d %H:%M:%S") if at_us else ""


def counted(count: int, what: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{count} {what}{'s' * (count != 1)}"


def line(text: str, *, to_stderr: bool = False) -> None:
    """Print one line."""
    print(clean(text), file=sys.stderr if to_stderr else sys.stdout, flush=True)


def json_out(value: Any) -> None:
    """Print one JSON value, on one line if it is read by a program; what could steer a terminal is escaped in it."""
    indent = 2 if sys.stdout.isatty() else None
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if not text.isascii() or "\x7f" in text:
        text = "".join(json.dumps(char)[1:-1] if char != "\n" and _steers(char) else char for char in text)
    print(text, flush=True)


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
