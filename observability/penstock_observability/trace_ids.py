"""Ids of traces and spans: they follow from what they are of, so whoever makes a span makes the same one."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

SPAN_ID_BYTES: Final = 8
SAMPLED: Final = "01"
NUMBERS: Final = struct.Struct(">ii")


def trace_id(run_id: bytes) -> int:
    """Return the id of a run's trace: the run's own id."""
    return int.from_bytes(run_id, "big")


def run_span(run_id: bytes) -> int:
    """Return the id of the span that covers the whole run."""
    return _span(run_id)


def attempt_span(run_id: bytes, node: int, item: Sequence[int], attempt: int) -> int:
    """Return the id of the span of one attempt of a node."""
    name = run_id + NUMBERS.pack(node, attempt)
    return _span(name + struct.pack(f">{len(item)}i", *item) if item else name)


def traceparent(run_id: bytes, node: int, item: Sequence[int], attempt: int) -> str:
    """Return the W3C trace context in which an attempt executes: spans that it makes are children of its span."""
    return f"00-{run_id.hex()}-{attempt_span(run_id, node, item, attempt):016x}-{SAMPLED}"


def _span(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=SPAN_ID_BYTES).digest(), "big") or 1  # 0 is no span
