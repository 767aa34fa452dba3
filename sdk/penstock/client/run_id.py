"""Ids of runs: version 7 UUIDs, so that newer runs sort after older ones."""

from __future__ import annotations

import os
import time
import uuid

from .errors import NoSuchRun


def new_run_id() -> uuid.UUID:
    """Make an id from the time in milliseconds and 74 random bits (RFC 9562, version 7)."""
    at_ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (at_ms & (1 << 48) - 1) << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64 | 2 << 62 | random & (1 << 62) - 1
    return uuid.UUID(int=value)


def parse_run_id(text: str | bytes | uuid.UUID) -> uuid.UUID:
    """Return the id written in any of its forms; raise NoSuchRun if it is invalid."""
    if isinstance(text, uuid.UUID):
        return text
    try:
        return uuid.UUID(bytes=text) if isinstance(text, bytes) else uuid.UUID(text)
    except ValueError:
        raise NoSuchRun(str(text), "a run id has 32 hexadecimal digits, as `penstock runs` lists them") from None
