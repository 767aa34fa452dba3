"""The facts of the wire that no .proto file can say. An SDK in another language is written from this page.

docs/wire.md has the same for people, with examples.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

RUN_ID_BYTES: Final = 16  # a UUID of version 7, made by the client
HASH_BYTES: Final = 32  # SHA-256: how plans, bundles and artifacts are named
INPUTS_NODE: Final = -1  # stands for the inputs of the run wherever a value is referred to
INLINE_BYTES_MAX: Final = 1024  # a larger value travels as an artifact
MESSAGE_BYTES_MAX: Final = 256 * 1024  # of the streams, and of each message of an answer that comes in several
DEFAULT_POOL: Final = "default"  # what an empty name of a pool means
NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")  # what a float is in JSON where JSON has no number for it

# Trailers of a refused call.
OWNER_TRAILER: Final = "penstock-owner"  # HOST:PORT of the instance to ask instead
RETRY_AFTER_TRAILER: Final = "retry-after-s"  # seconds to wait before the call is repeated


def word_of(number: float) -> str:
    """Return the word for NaN or an infinity."""
    return NOT_FINITE[0 if number != number else 1 if number > 0 else 2]


def is_words(schema: Any) -> bool:
    """Whether a schema is what that of a float has beside numbers: some of the words, and nothing else."""
    if not isinstance(schema, dict):
        return False
    found = cast("dict[str, Any]", schema)
    return found.keys() == {"enum"} and all(each in NOT_FINITE for each in found["enum"])


def in_words(value: Any) -> Any:
    """Return a value of plain Python as JSON can say it."""
    if isinstance(value, float):
        return value if value - value == 0.0 else word_of(value)
    if isinstance(value, dict):
        return {key: in_words(each) for key, each in cast("dict[str, Any]", value).items()}
    return [in_words(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def shard_of(run_id: bytes, shards: int) -> int:
    """Return the shard of a run, the same for all its life: it follows from the id alone."""
    return int.from_bytes(run_id[-4:], "big") % shards


def child_run_id(parent: bytes, node: int, number: int = 1) -> bytes:
    """Return the id of a run that a node starts, the first, or a later one of a node that was tried again."""
    made = bytearray(parent[:6] + hashlib.sha256(parent + struct.pack(">II", node, number)).digest()[:10])
    made[6] = made[6] & 0x0F | 0x70
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def name_of(enum: Any, number: int) -> str:
    """Return the name of an enum's value as people read it: `Cause.CAUSE_LOST` is "lost".

    A number that only a later version names is returned as digits.
    """
    return _short(enum, enum.Name(number)) if number in enum.values() else str(number)


def names_of(enum: Any) -> dict[int, str]:
    """Return the names of all values of an enum, by number."""
    return {number: _short(enum, name) for name, number in enum.items()}


def pieces(sizes: Iterable[int], bytes_max: int = MESSAGE_BYTES_MAX) -> Iterator[slice]:
    """Cut a sequence so that each piece fits a message; an item that is larger has a piece of its own.

    Args:
        sizes: Bytes of each item, in order.

    Yields:
        Slices that follow each other from the first item to the last. At least one, empty if there are no items.
    """
    start = end = total = 0
    for size in sizes:
        if total and total + size > bytes_max:
            yield slice(start, end)
            start, total = end, 0
        total += size
        end += 1
    yield slice(start, end)


def _short(enum: Any, name: str) -> str:
    """Take away the prefix that protobuf's style asks for: the enum's own name in capitals."""
    spelt = "".join(f"_{letter}" if letter.isupper() else letter for letter in enum.DESCRIPTOR.name)
    return name.removeprefix(f"{spelt.upper().lstrip('_')}_").lower()
