"""The facts of the wire that no .proto file can say. An SDK in another language is written from this page.

docs/wire.md has the same for people, with examples.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

RUN_ID_BYTES: Final = 16  # a UUID of version 7, made by the client
HASH_BYTES: Final = 32  # SHA-256: how plans, bundles and artifacts are named
INPUTS_NODE: Final = -1  # stands for the inputs of the run wherever a value is referred to
INLINE_BYTES_MAX: Final = 1024  # a larger value travels as an artifact
MESSAGE_BYTES_MAX: Final = 256 * 1024  # of the streams, and of each message of an answer that comes in several
DEFAULT_POOL: Final = "default"  # what an empty name of a pool means

# Trailers of a refused call.
OWNER_TRAILER: Final = "penstock-owner"  # HOST:PORT of the instance to ask instead
RETRY_AFTER_TRAILER: Final = "retry-after-s"  # seconds to wait before the call is repeated


def shard_of(run_id: bytes, shards: int) -> int:
    """Return the shard of a run, the same for all its life: it follows from the id alone."""
    return int.from_bytes(run_id[-4:], "big") % shards


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
