"""`penstock up --kafka` while its broker is killed: runs end all the same, and then the topic lacks nothing."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from penstock import AsyncClient
from penstock.client import Run
from penstock.compiler.loader import Workflow, load_workflow
from penstock_stack.kafka import EmbeddedKafka

from tests.stream.whole import whole
from tests.system.conftest import Served
from tests.waiting import WAIT_S

# A broker starts three times here, which takes its time on a busy machine.

TOPIC = "penstock.events"
RUNS = 6

FLOW = """
    import time

    from penstock import operator, workflow


    @operator(cpu=0.5, memory=0)
    def step(x: int, seconds: float) -> int:
        time.sleep(seconds)
        return x + 1


    @workflow
    def three(seconds: float = 0.0) -> int:
        return step(step(step(0, seconds), seconds), seconds)
"""


class Broker:
    """The stack's own broker, until it is killed; then one that takes its place."""

    def __init__(self, served: Served) -> None:
        assert served.process is not None
        stack = psutil.Process(served.process.pid)
        (self._process,) = [child for child in stack.children() if child.name() == "java"]
        self.address = served.log().split("events on Kafka at ", 1)[1].split(",")[0]
        self._folder = served.data / "kafka"
        self._instead: EmbeddedKafka | None = None

    def kill(self) -> None:
        if self._instead is not None:
            self._instead.kill()
        else:
            self._process.kill()

    def start(self, *, wiped: bool) -> None:
        if wiped:
            shutil.rmtree(self._folder)
        self._instead = EmbeddedKafka(self._folder, int(self.address.rsplit(":", 1)[1]))
        self._instead.start()

    def stop(self) -> None:
        if self._instead is not None:
            self._instead.stop()


@pytest.fixture(scope="module")
def served(make_data: Callable[[], Path]) -> Iterator[Served]:
    served = Served(make_data(), "--cpu", "2", "--kafka")
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def broker(served: Served) -> Iterator[Broker]:
    broker = Broker(served)
    yield broker
    broker.stop()


@pytest.fixture
def flow(project: Callable[[str, str], Path]) -> Workflow:
    return load_workflow(f"{project('three.py', FLOW)}:three")


async def first_step(client: AsyncClient, run: Run) -> None:
    """Return once an action of the run has ended."""
    async for events in client.events(run):
        if any(event.event.HasField("action_succeeded") for event in events):
            return


async def logged(served: Served) -> dict[int, list[bytes]]:
    """Return the run of every event that Postgres has, by shard and in order."""
    assert served.process is not None
    (server,) = [one for one in psutil.Process(served.process.pid).children() if one.name() == "postgres"]
    words = server.cmdline()
    sockets, port = words[words.index("-k") + 1], int(words[words.index("-p") + 1])
    database = await asyncpg.connect(host=sockets, port=port, user="postgres", database="penstock")
    try:
        rows = await database.fetch("SELECT shard, run_id FROM events ORDER BY shard, seq")
    finally:
        await database.close()
    runs: dict[int, list[bytes]] = {}
    for row in rows:
        runs.setdefault(row["shard"], []).append(row["run_id"].bytes)
    return runs


@pytest.mark.parametrize("wiped", [False, True], ids=["kept", "wiped"])
async def test_runs_end_without_the_broker(served: Served, broker: Broker, flow: Workflow, wiped: bool) -> None:
    async with AsyncClient(served.address) as client:
        before = [await client.submit(flow, seconds=0.3) for _ in range(RUNS)]
        await first_step(client, before[0])
        await asyncio.to_thread(broker.kill)
        during = [await client.submit(flow) for _ in range(RUNS)]
        assert [await client.result(run, timeout_s=WAIT_S) for run in [*before, *during]] == [3] * 2 * RUNS
        await asyncio.to_thread(broker.start, wiped=wiped)
        after = await client.submit(flow)
        assert await client.result(after, timeout_s=WAIT_S) == 3
    log = await logged(served)
    on_topic = await whole(broker.address, TOPIC, {shard: len(runs) for shard, runs in log.items()})
    assert {shard: [event.run_id for event in events] for shard, events in on_topic.items()} == log
