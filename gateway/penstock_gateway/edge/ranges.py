"""Parts of what is named by its hash: Range, ETag and the conditions of requests (RFC 9110)."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from .problems import Problem

RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start` up to, but not including, `end`."""

    start: int
    end: int


def is_current(request: Request, etag: str) -> bool:
    """Whether the client says that it has this already."""
    known = request.headers.get("if-none-match")
    return known is not None and (known.strip() == "*" or etag in [_strong(one) for one in known.split(",")])


def part_of(request: Request, etag: str, size: int) -> Part | None:
    """Return the one part that is asked for; None stands for all of it. Raises Problem if it lies outside.

    Several parts at once, other units and an outdated If-Range get all of it, as RFC 9110 allows.
    """
    asked = RANGE.fullmatch(request.headers.get("range", "").strip())
    condition = request.headers.get("if-range")
    if asked is None or (condition is not None and condition.strip() != etag):
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Problem(
            "range-not-satisfiable", f"there are {size:,} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    return Part(start, end)


def _strong(etag: str) -> str:
    return etag.strip().removeprefix("W/")
