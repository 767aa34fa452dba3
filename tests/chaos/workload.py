"""The runs that go on while things break. Every call of an operator leaves a row in a database outside the system."""

import os
import sqlite3
import subprocess
import time
from contextlib import closing
from typing import Any

import penstock
from penstock import operator, workflow

MARK = "CHAOS_MARK"  # a variable of the environment of what is left behind
LEFT = 2
LIVES_S = 36_000  # longer than any round: nothing that is left behind ends by itself


def leave(mark: str) -> None:
    """Start two processes that outlive this one: in a session of their own, and an orphan at that."""
    environment = {**os.environ, MARK: mark}
    for command in (["sleep", str(LIVES_S)], ["sh", "-c", f"setsid sleep {LIVES_S} &"]):
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)


def effect(path: str, key: str, value: int) -> None:
    """Insert one row: this operator was called and is about to return this value."""
    with closing(sqlite3.connect(path, timeout=60)) as database, database:
        database.execute("INSERT INTO effects (key, value, pid) VALUES (?, ?, ?)", (key, value, os.getpid()))


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def step(path: str, key: str, x: int, pause_s: float, mark: str = "") -> int:
    """One more than what came in, after a pause. With a mark it leaves processes behind."""
    if mark:
        leave(mark)
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
def diamond(path: str, key: str, pause_s: float = 0.0, mark: str = "") -> int:
    """Six nodes: one, three in parallel, one artifact, a join. Its result is 7."""
    first = step(path, key, 0, pause_s, mark)
    parts = [step(path, key, first, pause_s) for _ in range(3)]
    return join(path, key, parts, large(path, key, first))


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def copies(x: int) -> list[int]:
    """Three of it."""
    return [x] * 3


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def is_one(x: int) -> bool:
    return x == 1


@operator(cpu=0.1, memory=0)
def fails_once(path: str, key: str, x: int) -> int:
    """What came in; the first call of a key fails, and nothing tries it again by itself."""
    with closing(sqlite3.connect(path, timeout=60)) as database:
        (calls,) = database.execute(
            "SELECT count(*) FROM effects WHERE key = ? AND value = ?", (key, FAILED)
        ).fetchone()
    if not calls:
        effect(path, key, FAILED)
        raise RuntimeError("the first call fails")
    return x


@workflow
def grown_diamond(path: str, key: str, pause_s: float = 0.0, mark: str = "") -> int:
    """The same by a map and a branch, with a wait in between, and with a failure after which it is tried again."""
    first = step(path, key, 0, pause_s, mark)
    with penstock.after(first):
        waited = penstock.sleep(0.2)
    parts = step.map(x=penstock.each(copies(first)), path=path, key=key, pause_s=pause_s)
    with penstock.after(waited):
        checked = fails_once(path, key, first)
    data = penstock.when(is_one(checked), lambda: large(path, key, first), lambda: large(path, key, checked))
    return join(path, key, parts, data)


FAILED = -1  # in the table of effects: the call that fails
WORKFLOW = "diamond"  # a part of the names of the clients' plans
NODES = 6
RESULT = 7


def fresh_diamond(key: str) -> Any:
    """The same with a plan of its own, which no service and no worker has seen."""
    own_step = step.options(name=f"step_{key}")

    @workflow
    def fresh(path: str, key: str, pause_s: float = 0.0, mark: str = "") -> int:
        first = own_step(path, key, 0, pause_s, mark)
        parts = [own_step(path, key, first, pause_s) for _ in range(3)]
        return join(path, key, parts, large(path, key, first))

    return fresh


@operator(cpu=0.1, memory=0, retries=3, retry_delay_s=0.05)
def escaping(mark: str, pause_s: float) -> int:
    """Leaves processes behind, after a pause."""
    leave(mark)
    time.sleep(pause_s)
    return 1


@workflow
def escapes(mark: str, pause_s: float) -> int:
    return escaping(mark, pause_s)


@workflow
def times_out(mark: str, pause_s: float) -> int:
    return escaping.options(timeout_s=1, retries=0)(mark, pause_s)
