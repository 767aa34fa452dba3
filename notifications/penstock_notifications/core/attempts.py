"""When a delivery is tried again, and when it is given up."""

import hashlib
import uuid
from typing import Final

SECOND_US: Final = 1_000_000
FIRST_DELAY_S: Final = 5.0
FACTOR: Final = 3.0
DELAY_S_MAX: Final = 3_600.0
# Delays are up to this much shorter, so that what failed together does not come back together.
SPREAD: Final = 0.2


def delivery_id(run_id: bytes, kind: int, channel: str, reopened_seq: int = 0) -> str:
    """Return the id that a delivery has in every attempt, and when it is written again: a UUID of version 8.

    Args:
        reopened_seq: Where the run was reopened last, which tells its ends apart; 0: never.
    """
    text = b"penstock notification\0" + run_id + bytes([kind]) + channel.encode()
    digest = hashlib.sha256(text + (b"\0%d" % reopened_seq if reopened_seq else b"")).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    return "msg_" + uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62).hex


def delay_s(identity: str, attempts: int) -> float:
    """Return how long to wait after so many attempts; the same each time it is asked."""
    whole = min(FIRST_DELAY_S * FACTOR ** min(attempts - 1, 20), DELAY_S_MAX)
    share = hashlib.sha256(f"{identity} {attempts}".encode()).digest()[0] / 255
    return whole * (1 - SPREAD * share)


def next_due_us(identity: str, attempts: int, now_us: int, until_us: int, wait_s: float = 0.0) -> int | None:
    """Return when to try again after an attempt that failed; None: give up.

    Args:
        attempts: That were made, the failed one among them.
        until_us: No attempt begins after this; one is made at this moment.
        wait_s: What the receiver asks for at least.
    """
    if now_us >= until_us:
        return None
    due_us = now_us + round(max(delay_s(identity, attempts), min(wait_s, DELAY_S_MAX)) * SECOND_US)
    return min(due_us, until_us)
