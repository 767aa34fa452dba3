"""The runs that go on while things break. Every call of an operator leaves a row in a database outside the system."""

import os
import sqlite3
import time
from contextlib import closing
from typing import Any

from penstock import operator, workflow


def effect(path: str, key: str, value: int) -> None:
    """Insert one row: this operator was called and is about to return this value."""
    with closing(sqlite3.connect(path, timeout=60)) as database, database:
        database.execute("INSERT INTO effects (key, value, pid) VALUES (?, ?, ?)", (key, value, os.getpid()))


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def step(path: str, key: str, x: int, pause_s: float) -> int:
    """One more than what came in, after a pause."""
    time.sleep(pause_s)
    effect(path, key, x + 1)
    return x + 1


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def large(path: str, key: str, x: int) -> bytes:
    """A value too large for a message: an artifact, each run's its own."""
    effect(path, key, x)
    return x.to_bytes(8, "big") + key.encode() * 2_000


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def join(path: str, key: str, parts: list[int], data: bytes) -> int:
    """The sum of all that came in."""
    value = sum(parts) + int.from_bytes(data[:8], "big")
    effect(path, key, value)
    return value


@workflow
def diamond(path: str, key: str, pause_s: float = 0.0) -> int:
    """Six nodes: one, three in parallel, one artifact, a join. Its result is 7."""
    first = step(path, key, 0, pause_s)
    parts = [step(path, key, first, pause_s) for _ in range(3)]
    return join(path, key, parts, large(path, key, first))


NODES = 6
RESULT = 7


def fresh_diamond(key: str) -> Any:
    """The same with a plan of its own, which no service and no worker has seen."""
    own_step = step.options(name=f"step_{key}")

    @workflow
    def fresh(path: str, key: str, pause_s: float = 0.0) -> int:
        first = own_step(path, key, 0, pause_s)
        parts = [own_step(path, key, first, pause_s) for _ in range(3)]
        return join(path, key, parts, large(path, key, first))

    return fresh
