"""Crashes: the whole stack killed in the middle of many runs, a worker's process killed in the middle of an action."""

import asyncio
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from penstock import AsyncClient, Client
from penstock.client import Run, RunState
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Served
from tests.waiting import WAIT_S, wait_for

Project = Callable[[str, str], Path]
RUNS = 200
WIDTH = 3

# Effects are counted outside the system: each call of an operator inserts a row of its own.
FLOW = """
    import os
    import sqlite3
    import time
    from contextlib import closing

    from penstock import operator, workflow


    def insert(path: str, key: str) -> None:
        with closing(sqlite3.connect(path, timeout=60)) as database, database:
            database.execute("INSERT INTO calls (key, pid) VALUES (?, ?)", (key, os.getpid()))


    @operator(cpu=0.5, memory=0)
    def step(path: str, key: str, x: int) -> int:
        insert(path, key)
        return x + 1


    @operator(cpu=0.5, memory=0)
    def join(path: str, key: str, parts: list[int]) -> int:
        insert(path, key)
        return sum(parts)


    @workflow
    def fan(path: str, key: str) -> int:
        first = step(path, key, 0)
        return join(path, key, [step(path, key, first) for _ in range(3)])


    @operator(retries=2, retry_delay_s=0.01)
    def slow(path: str, seconds: float) -> int:
        insert(path, "slow")
        time.sleep(seconds)
        return os.getpid()


    @workflow
    def once(path: str, seconds: float) -> int:
        return slow(path, seconds)
"""


@pytest.fixture
def flow(project: Project) -> Path:
    return project("crashing.py", FLOW)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE calls (key TEXT, pid INTEGER)")
    return path


@pytest.fixture
def own(make_data: Callable[[], Path]) -> Iterator[Served]:
    """A stack that this test may kill."""
    served = Served(make_data(), "--cpu", "2")
    served.start()
    yield served
    served.stop()


def made(calls: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(calls, timeout=WAIT_S)) as database:
        return database.execute("SELECT key, pid FROM calls").fetchall()


async def submit_all(address: str, flow: Path, calls: Path) -> list[Run]:
    workflow = load_workflow(f"{flow}:fan")
    async with AsyncClient(address) as client:
        return await asyncio.gather(*(client.submit(workflow, path=str(calls), key=str(n)) for n in range(RUNS)))


async def ends(address: str, runs: list[Run]) -> dict[str, Counter[tuple[str, int]]]:
    """Wait for all runs; return how often the log says that each of a run's nodes ended."""
    async with AsyncClient(address) as client:
        results = await asyncio.gather(*(client.result(run, timeout_s=WAIT_S) for run in runs))
        assert results == [3 * 2] * RUNS
        ended: dict[str, Counter[tuple[str, int]]] = {}
        for run in runs:
            terminal = ended[str(run)] = Counter[tuple[str, int]]()
            async for batch in client.events(run, follow=False):
                for each in batch:
                    kind = each.event.WhichOneof("kind") or ""
                    if kind == "action_succeeded" or (
                        kind == "action_failed" and not each.event.action_failed.HasField("retry_delay_s")
                    ):
                        terminal[kind, getattr(each.event, kind).node] += 1
                    if kind == "run_ended":
                        terminal[kind, -1] += 1
        return ended


def test_a_stack_killed_amid_200_runs_ends_each_of_them_once(own: Served, flow: Path, calls: Path) -> None:
    runs = asyncio.run(submit_all(own.address, flow, calls))
    wait_for(lambda: len(made(calls)) > RUNS // 2)
    own.kill()
    interrupted = len(made(calls))
    assert interrupted < RUNS * (WIDTH + 2), "nothing was left to do"
    own.start()
    ended = asyncio.run(ends(own.address, runs))
    for run, terminal in ended.items():
        expected = {("action_succeeded", node): 1 for node in range(WIDTH + 2)} | {("run_ended", -1): 1}
        assert terminal == expected, run
    # Every node was executed; some twice, where the crash came between the call and its record.
    executed = Counter(key for key, _ in made(calls))
    assert len(executed) == RUNS
    assert min(executed.values()) >= WIDTH + 2
    with Client(own.address) as client:
        assert {info.state for info in client.list(limit=RUNS)} == {RunState.SUCCEEDED}
    assert own.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=["killed", "immediate stop"])
def test_a_postgres_that_ends_by_itself_is_started_again(own: Served, flow: Path, calls: Path, number: int) -> None:
    runs = asyncio.run(submit_all(own.address, flow, calls))
    wait_for(lambda: len(made(calls)) > RUNS // 2)
    assert own.process is not None
    (server,) = [child for child in psutil.Process(own.process.pid).children() if child.name() == "postgres"]
    server.send_signal(number)
    ended = asyncio.run(ends(own.address, runs))
    expected = {("action_succeeded", node): 1 for node in range(WIDTH + 2)} | {("run_ended", -1): 1}
    assert all(terminal == expected for terminal in ended.values())
    assert "exited unexpectedly; restarting it" in own.log()
    assert own.stop() == 0


def test_what_was_recorded_survives_a_stop_in_order(own: Served, flow: Path, calls: Path) -> None:
    with Client(own.address) as client:
        first = client.submit(load_workflow(f"{flow}:fan"), path=str(calls), key="a")
        assert client.result(first, timeout_s=WAIT_S) == 6
        before = [event for batch in client.events(first, follow=False) for event in batch]
    assert own.stop() == 0
    own.start()
    with Client(own.address) as client:
        assert [event for batch in client.events(first, follow=False) for event in batch] == before
        assert client.result(first, timeout_s=WAIT_S) == 6


def test_a_killed_operator_process_is_tried_again(stack: Served, flow: Path, calls: Path) -> None:
    with Client(stack.address) as client:
        run = client.submit(load_workflow(f"{flow}:once"), path=str(calls), seconds=1.0)
        ((_, pid),) = wait_for(lambda: made(calls))
        os.kill(pid, signal.SIGKILL)
        survivor = client.result(run, timeout_s=WAIT_S)
        assert survivor != pid
        node = client.view(run).nodes[0]
    assert [attempt.cause for attempt in node.attempts] == ["exited", ""]
    assert "SIGKILL" in (node.attempts[0].failure.message if node.attempts[0].failure else "")
    assert len(made(calls)) == 2
    wait_for(lambda: not psutil.pid_exists(pid))
