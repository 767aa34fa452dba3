"""The services as processes of their own, over a real Postgres and a real Kafka: what docker-compose.yml describes."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from penstock import Client, events
from penstock.client import Run
from penstock.compiler.loader import load_workflow
from penstock_service.health import is_ready
from penstock_stack.errors import NotStarted
from penstock_stack.topology import Instance, Topology
from penstock_stream.kafka.client import describe_topics

from tests.deployment.described import ROOT
from tests.waiting import WAIT_S, wait_for

# Many processes start, also where others keep the machine busy.

PROGRAM = """
import time
from pathlib import Path

from penstock import operator, workflow


@operator(cpu=0.1, memory=0)
def make(n: int) -> bytes:
    return b"x" * n


@operator(cpu=0.1, memory=0)
def hold(gate: str, key: int, data: bytes) -> int:
    (Path(gate) / f"started-{key}").touch()
    while not (Path(gate) / "open").exists():
        time.sleep(0.02)
    return len(data)


@operator(cpu=0.1, memory=0)
def total(sizes: list[int]) -> int:
    return sum(sizes)


@workflow
def gated(gate: str, key: int, n: int = 100_000) -> int:
    data = make(n)
    return total([hold(gate, key, data), hold(gate, key, data)])
"""
RESULT = 200_000
RUNS = 6
STATE_TRACKERS = ("state-tracker-1", "state-tracker-2")
TOPICS = ("penstock.events", "penstock.actions", "penstock.reports")
WORKERS = ("worker-1", "worker-2")
SERVICES = (STATE_TRACKERS[0], "dependency-manager", "action-service", "artifact-store")


@dataclass
class Gated:
    """Runs that are in the middle of an operator until they are let go."""

    gate: Path
    client: Client
    runs: list[Run]

    def let_go(self) -> None:
        (self.gate / "open").touch()

    def results(self) -> list[int]:
        self.let_go()
        return [self.client.result(run, timeout_s=WAIT_S) for run in self.runs]


@pytest.fixture(scope="module")
def suite() -> Iterator[Topology]:
    # A folder that the unprivileged account of Postgres can reach, with a path short enough for its socket.
    folder = Path(tempfile.mkdtemp(prefix="penstock-suite-"))
    folder.chmod(0o755)
    scale = {"state-tracker": len(STATE_TRACKERS), "worker": len(WORKERS)}
    try:
        with Topology(folder, file=ROOT / "docker-compose.yml", scale=scale, cpu=2) as suite:
            yield suite
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gated(suite: Topology, tmp_path: Path) -> Iterator[Callable[[], Gated]]:
    """Starts runs, and returns once some of their operators wait."""
    (tmp_path / "program.py").write_text(PROGRAM)
    workflow = load_workflow(f"{tmp_path / 'program.py'}:gated")
    with Client(suite.address) as client:

        def start() -> Gated:
            gate = Path(tempfile.mkdtemp(dir=tmp_path))
            gates.append(gate)
            runs = [client.submit(workflow, gate=str(gate), key=key) for key in range(RUNS)]
            wait_for(lambda: list(gate.glob("started-*")))
            return Gated(gate, client, runs)

        gates: list[Path] = []
        yield start
        for gate in gates:
            (gate / "open").touch()


def log_after(instance: Instance, size: int) -> str:
    return instance.log.read_bytes()[size:].decode(errors="replace")


async def shards_by_owner(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        return dict(await connection.fetch("SELECT owner, count(*) FROM leases GROUP BY owner"))
    finally:
        await connection.close()


async def records(kafka: str, topic: str) -> int:
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        total = 0
        for _, partitions, _ in await describe_topics(kafka, [topic], ["retention.ms"]):
            ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)])
            total += sum(ends.values())
        return total


async def kinds(kafka: str, run: Run) -> list[str]:
    async with asyncio.timeout(WAIT_S):
        return [event.kind async for event in events.read(kafka, events.Run(run.id))]


def test_runs_go_through_kafka_and_workers_of_their_own(suite: Topology, gated: Callable[[], Gated]) -> None:
    def all_topics_used() -> Gated | None:
        """Services are ready without Kafka, so that the first runs may have done without it."""
        runs = gated()
        assert runs.results() == [RESULT] * RUNS
        return runs if all(asyncio.run(records(suite.kafka.address, topic)) for topic in TOPICS) else None

    runs = wait_for(all_topics_used)
    views = [runs.client.view(run) for run in runs.runs]
    assert {attempt.worker for view in views for node in view.nodes for attempt in node.attempts} <= {*WORKERS}
    for run in runs.runs:
        seen = asyncio.run(kinds(suite.kafka.address, run))
        assert (seen[0], seen[-1]) == ("run_submitted", "run_ended")


def test_state_trackers_share_the_shards(suite: Topology) -> None:
    expected = dict.fromkeys(STATE_TRACKERS, 128)
    wait_for(lambda: asyncio.run(shards_by_owner(suite.dsn)) == expected)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_stopped_and_killed_amid_runs(suite: Topology, gated: Callable[[], Gated], name: str) -> None:
    runs = gated()
    service = suite.instances[name]
    assert service.stop() == 0
    service.start()
    suite.wait_ready()
    service.kill()
    service.start()
    assert runs.results() == [RESULT] * RUNS


def test_names_outlive_a_registry_that_is_killed(suite: Topology, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "open").touch()
    registry = suite.instances["registry"]
    with Client(suite.address, team="names") as client:
        done = client.registry.deploy(load_workflow(f"{tmp_path / 'program.py'}:gated"), alias="production")
        assert (str(done.version), done.created) == ("gated@1", True)
        registry.kill()
        registry.start()
        wait_for(lambda: is_ready(registry.health))
        run = client.submit("gated@production", gate=str(tmp_path), key=1)
        assert client.result(run, timeout_s=WAIT_S) == RESULT
        assert (client.get(run).name, client.get(run).version, client.get(run).team) == ("gated", 1, "names")


def test_a_killed_worker_is_replaced(suite: Topology, gated: Callable[[], Gated]) -> None:
    runs = gated()
    for name in WORKERS:
        suite.instances[name].kill()
        suite.instances[name].start()
    assert runs.results() == [RESULT] * RUNS


def test_a_worker_that_is_told_to_stop_ends_what_it_holds(suite: Topology, gated: Callable[[], Gated]) -> None:
    runs = gated()
    workers = [suite.instances[name] for name in WORKERS]
    for worker in workers:
        size = worker.log.stat().st_size
        worker.signal(signal.SIGTERM)
        wait_for(lambda worker=worker, size=size: "is draining" in log_after(worker, size))
    runs.let_go()
    assert [worker.wait_end() for worker in workers] == [0, 0]
    for worker in workers:
        worker.start()
    assert runs.results() == [RESULT] * RUNS
    # Nothing that ran was lost: no operator was called a second time.
    nodes = [node for run in runs.runs for node in runs.client.view(run).nodes]
    assert {len(node.attempts) for node in nodes} == {1}
    suite.wait_ready()


def test_without_postgres_nobody_is_ready(suite: Topology, gated: Callable[[], Gated]) -> None:
    runs = gated()
    users = [suite.instances[name] for name in (*STATE_TRACKERS, "action-service", "registry")]
    suite.postgres.stop()
    for user in users:
        wait_for(lambda user=user: not is_ready(user.health))
    # One that starts now waits, and says for what.
    late = suite.instances["state-tracker-2"]
    late.kill()
    size = late.log.stat().st_size
    late.start()
    wait_for(lambda: "Postgres is unavailable" in log_after(late, size))
    assert not is_ready(late.health)
    suite.postgres.start()
    suite.wait_ready()
    assert runs.results() == [RESULT] * RUNS


def test_without_kafka_runs_go_on(suite: Topology, gated: Callable[[], Gated]) -> None:
    suite.kafka.kill()
    late = suite.instances["dependency-manager"]
    late.kill()
    size = late.log.stat().st_size
    late.start()
    suite.wait_ready()
    assert "reconnecting" in log_after(late, size)
    assert gated().results() == [RESULT] * RUNS
    suite.kafka.start()


def test_a_service_that_is_not_there_cannot_be_scaled(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match="unknown service broker: choose from state-tracker, "):
        Topology(tmp_path, file=ROOT / "docker-compose.yml", scale={"broker": 2}).start()


def test_the_command_says_how_to_use_it(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    printed = tmp_path / "printed"
    with printed.open("w") as out:
        command = subprocess.Popen([sys.executable, "-m", "penstock_stack.topology"], cwd=ROOT, stderr=out)
    try:
        wait_for(lambda: "In another terminal" in printed.read_text() or command.poll() is not None)
        lines = [line.strip() for line in printed.read_text().splitlines()]
        environment["PENSTOCK_ADDRESS"] = next(line for line in lines if line.startswith("export")).split("=")[1]
        words = next(line for line in lines if line.endswith("examples/hello.py")).split()
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, "Hello, world!" in done.stdout) == (0, True), done.stderr
    finally:
        command.send_signal(signal.SIGINT)
        assert command.wait(90) == 0
    assert printed.read_text().endswith("stopped\n")
