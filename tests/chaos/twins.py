"""A second worker under the name of one that lives: it has to be refused and to end, and the first must not notice."""

import subprocess
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_stack.topology import Instance

from tests.simulation.invariants import Violation, demand

from .suite import WORKER_CPU, Suite, worker_command

# The lease after which a silent holder counts as gone, and the start of a process on a busy machine.
REFUSED_S_MAX: Final = 60.0
# What an attempt ends with if somebody else ended its process or took its worker's name.
STRUCK: Final = {ev.CAUSE_LOST, ev.CAUSE_PREEMPTED, ev.CAUSE_EXITED}


def twin_elsewhere(suite: Suite, dice: Random) -> None:
    """Another folder, as a second host of the same name would have."""
    _refused(suite, dice.choice(suite.names("worker")), suite.topology.folder / "twin", "already")


def twin_in_folder(suite: Suite, dice: Random) -> None:
    """The same folder, as a second terminal on the same host would have."""
    name = dice.choice(suite.names("worker"))
    _refused(suite, name, suite.topology.folder / name, "in use by")


def _refused(suite: Suite, name: str, folder: Path, said: str) -> None:
    """Start a worker of this name in a folder; raise Violation unless it ends by itself and the first one goes on."""
    first = suite.instance(name).pid
    began_at = suite.background.call(_now(suite.topology.dsn))
    log = suite.topology.folder / "logs" / "twin.log"
    log.unlink(missing_ok=True)
    addresses = [suite.topology.addresses(one)[0] for one in ("action-service", "state-tracker", "artifact-store")]
    twin = Instance("twin", worker_command(name, folder, addresses, WORKER_CPU), {}, log, "")
    twin.start()
    code = _code(twin)
    demand(code == 1 and said in twin.tail(), f"a twin of {name} ended with {code} and said:\n{twin.tail()}")
    demand(suite.instance(name).pid == first, f"{name} was started again while its twin was there")
    struck = suite.background.call(_struck(suite.topology.dsn, name, began_at))
    demand(not struck, f"a twin struck what {name} ran: {'; '.join(struck)}")


def _code(twin: Instance) -> int:
    """Return the exit code of what is to end by itself."""
    assert twin.process is not None
    try:
        return twin.process.wait(REFUSED_S_MAX)
    except subprocess.TimeoutExpired:
        raise Violation(f"a twin was not refused within {REFUSED_S_MAX:.0f} s; it said:\n{twin.tail()}") from None
    finally:
        twin.kill()


async def _now(dsn: str) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    finally:
        await connection.close()


async def _struck(dsn: str, worker: str, began_at: float) -> list[str]:
    """Return what was recorded since then of attempts that a worker lost."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT payload FROM events WHERE recorded_at >= to_timestamp($1::float8) ORDER BY shard, seq", began_at
        )
    finally:
        await connection.close()
    failures = [ev.Event.FromString(row["payload"]).action_failed for row in rows]
    return [str(one.failure.message) for one in failures if one.worker == worker and one.cause in STRUCK]
