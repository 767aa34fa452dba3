"""The checker can fail: whatever is wrong with what a deployment left behind, it says so."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from penstock import Client
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stack.postgres import EmbeddedPostgres

from tests.chaos.checker import Deployment, Topic, check
from tests.chaos.suite import make_effects
from tests.chaos.workload import diamond
from tests.postgres import SETTINGS
from tests.simulation.invariants import Recorded, Violation
from tests.system.conftest import Served

DATABASE = "penstock"
RUNS = 3


@dataclass
class Left:
    """What a deployment left behind, and what its clients were told."""

    server: EmbeddedPostgres
    folder: Path
    acknowledged: list[bytes]

    def copy(self, name: str) -> Deployment:
        """Copy all of it, so that one test's damage is not another's."""
        folder = self.folder / name
        shutil.copytree(self.folder / "data" / "artifacts", folder / "artifacts")
        shutil.copy(self.folder / "effects.sqlite", folder / "effects.sqlite")
        url = self.server.create(name, DATABASE)
        return Deployment(url, folder / "artifacts", folder / "effects.sqlite")


@pytest.fixture(scope="module")
def left() -> Iterator[Left]:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.chmod(0o755)
    effects = make_effects(folder)
    served = Served(folder / "data", "--cpu", "2")
    served.start()
    with Client(served.address) as client:
        runs = [client.submit(diamond, path=str(effects), key=str(number)) for number in range(RUNS)]
        assert [client.result(run, timeout_s=100) for run in runs] == [7] * RUNS
    assert served.stop() == 0
    server = EmbeddedPostgres(folder / "data" / "postgres", SETTINGS)
    server.start()
    yield Left(server, folder, [run.id.bytes for run in runs])
    server.stop()
    shutil.rmtree(folder)


def execute(deployment: Deployment, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(deployment.database_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


def change_effects(deployment: Deployment, statement: str) -> None:
    with closing(sqlite3.connect(deployment.effects)) as database, database:
        database.execute(statement)


def cut_artifacts(deployment: Deployment) -> None:
    for path in deployment.artifacts.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(path.read_bytes()[:-1])


LAST = "(shard, seq) IN (SELECT shard, max(seq) FROM events GROUP BY shard)"
FIRST = "seq = 1"
DAMAGE: dict[str, Callable[[Deployment], None]] = {
    "an event is gone": lambda one: execute(one, f"DELETE FROM events WHERE {FIRST}"),
    "the end is gone, and the head with it": lambda one: execute(
        one,
        f"DELETE FROM events WHERE {LAST}; UPDATE heads SET seq = seq - 1 WHERE seq > 0; "
        "UPDATE runs SET state = 1, ended_at = NULL, last_seq = NULL",
    ),
    "an event is there twice": lambda one: execute(one, f"INSERT INTO events SELECT * FROM events WHERE {FIRST}"),
    "an event is repeated at the end": lambda one: execute(
        one,
        "INSERT INTO events SELECT e.shard, heads.seq + 1, run_id, e.recorded_at, kind, payload "
        "FROM events e JOIN heads USING (shard) WHERE e.seq = 2; UPDATE heads SET seq = seq + 1 WHERE seq > 0",
    ),
    "the table of runs says something else": lambda one: execute(one, "UPDATE runs SET state = 4"),
    "a run is not in the table": lambda one: execute(one, "DELETE FROM runs"),
    "an outcome has no effect": lambda one: change_effects(one, "DELETE FROM effects WHERE value = 7"),
    "a value was computed that is none": lambda one: change_effects(
        one, "UPDATE effects SET value = 8 WHERE value = 7"
    ),
    "artifacts are cut short": cut_artifacts,
    "artifacts are gone": lambda one: shutil.rmtree(one.artifacts),
}


async def test_what_is_sound_passes(left: Left) -> None:
    verdict = await check(left.copy("sound"), left.acknowledged)
    assert (verdict.runs, verdict.effects, verdict.repeated_effects, verdict.lost) == (RUNS, 6 * RUNS, 0, 0)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(left: Left, damage: str) -> None:
    deployment = left.copy(f"damaged_{list(DAMAGE).index(damage)}")
    DAMAGE[damage](deployment)
    with pytest.raises(Violation):
        asyncio.run(check(deployment, left.acknowledged))


async def test_an_acknowledged_run_that_is_in_no_log_is_found(left: Left) -> None:
    with pytest.raises(Violation, match="acknowledged"):
        await check(left.copy("unknown"), [*left.acknowledged, bytes(16)])


def event(number: int) -> ev.Event:
    return ev.Event(run_id=bytes([number] * 16), run_ended=ev.RunEnded(state=ev.RUN_STATE_SUCCEEDED))


def batch(first: int, *events: ev.Event, epoch: int = 2) -> bytes:
    return ev.EventBatch(shard=0, epoch=epoch, from_seq=first, events=events).SerializeToString()


def topic() -> Topic:
    """A topic that is to hold a log of three events."""
    return Topic({0: [Recorded(0, seq, 1, event(seq)) for seq in (1, 2, 3)]})


def test_a_topic_may_repeat_itself() -> None:
    told = topic()
    for body in (
        batch(1, event(1)),
        batch(1, event(1), event(2), epoch=3),
        batch(2, event(2)),
        batch(3, event(3), epoch=3),
    ):
        told.take(body)
    assert (told.complete, told.records, told.repeated) == (True, 4, 1)


@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ([batch(2, event(2))], "jumps"),
        ([batch(1, event(2))], "something else"),
        ([batch(1, event(1), event(2), event(3), event(4))], "which the log does not"),
        ([batch(1, event(1), epoch=3), batch(2, event(2), epoch=2)], "after a later one"),
    ],
)
def test_a_topic_that_says_what_the_log_does_not_is_found(bodies: list[bytes], said: str) -> None:
    told = topic()
    with pytest.raises(Violation, match=said):
        for body in bodies:
            told.take(body)
