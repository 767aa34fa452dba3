"""What goes wrong. Each fault begins, lasts, and is over when its function returns."""

import shutil
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from random import Random
from typing import Any, Final

import psutil
from penstock_action_service.app import WORKER_LEASE_S
from penstock_stack.kafka import KafkaFailed
from penstock_state_tracker.ownership.leases import SHARD_LEASE_S

from .escapes import escape
from .holes import make_hole
from .link import Link
from .scarcity import full_disk, no_descriptors, no_forks
from .suite import FAR_WORKER, Suite
from .twins import twin_elsewhere, twin_in_folder

# What was killed is away for up to so long.
AWAY_S_MAX: Final = 3.0
# Long enough that others take over, and that whoever wakes up is a former owner.
ZOMBIE_S: Final = 2 * SHARD_LEASE_S + 1
WORKER_ZOMBIE_S: Final = WORKER_LEASE_S + 3
# After which a worker that has just connected holds something.
CONNECTED_S: Final = 4.0
KAFKA_AWAY_S: Final = 6.0
POSTGRES_AWAY_S: Final = 3.0
POSTGRES_FROZEN_S: Final = 5.0

Fault = Callable[[Suite, Random], None]


def kill(service: str) -> Fault:
    """Kill -9 of one of a service's processes."""

    def fault(suite: Suite, dice: Random) -> None:
        _killed(suite, dice.choice(suite.names(service)), dice.uniform(0, AWAY_S_MAX))

    return fault


def stand_still(service: str, seconds: float) -> Fault:
    """One of a service's processes stands still for longer than its lease, then goes on as if nothing had been."""

    def fault(suite: Suite, dice: Random) -> None:
        _stopped(suite, dice.choice(suite.names(service)), seconds)

    return fault


def kill_all_state_trackers(suite: Suite, dice: Random) -> None:
    """No log has an owner."""
    names = suite.names("state-tracker")
    for name in names:
        suite.instance(name).kill()
    time.sleep(dice.uniform(0, AWAY_S_MAX))
    for name in names:
        suite.instance(name).start()
    suite.topology.wait_ready(workers=False)


def kill_pool_owner(suite: Suite, dice: Random) -> None:
    """The Action Service that gives the grants."""
    _killed(suite, suite.pool_owner(), dice.uniform(0, AWAY_S_MAX))


def stop_pool_owner(suite: Suite, dice: Random) -> None:
    """It stands still until another owns the pool, and wakes up with grants in its hands."""
    _stopped(suite, suite.pool_owner(), ZOMBIE_S)


def kill_operator(suite: Suite, dice: Random) -> None:
    """A process that calls operators, in the middle of a call or between two."""
    if operators := suite.operators():
        with suppress(psutil.NoSuchProcess):
            dice.choice(operators).kill()


def kill_kafka(suite: Suite, dice: Random) -> None:
    suite.topology.kafka.kill()
    time.sleep(KAFKA_AWAY_S)
    _start_kafka(suite)


def wipe_kafka(suite: Suite, dice: Random) -> None:
    """The broker comes back with none of its topics."""
    suite.topology.kafka.kill()
    time.sleep(KAFKA_AWAY_S)
    shutil.rmtree(suite.topology.folder / "kafka" / "data")
    _start_kafka(suite)


def stop_kafka(suite: Suite, dice: Random) -> None:
    """The broker takes connections and never answers."""
    broker = psutil.Process(suite.topology.kafka.pid)
    broker.suspend()
    time.sleep(KAFKA_AWAY_S)
    broker.resume()


def postgres_immediate(suite: Suite, dice: Random) -> None:
    """The server ends at once, without a checkpoint."""
    psutil.Process(suite.topology.postgres.pid).send_signal(signal.SIGQUIT)
    _restart_postgres(suite, dice)


def kill_postgres(suite: Suite, dice: Random) -> None:
    """The server and all its processes die."""
    for process in suite.postgres_processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _restart_postgres(suite, dice)


def kill_session(suite: Suite, dice: Random) -> None:
    """A process of the server dies: it ends all the others, and recovers."""
    with suppress(psutil.NoSuchProcess):
        dice.choice(suite.postgres_processes()[1:]).kill()


def stop_postgres(suite: Suite, dice: Random) -> None:
    """All connections are there, and nothing is answered."""
    processes = suite.postgres_processes()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    time.sleep(POSTGRES_FROZEN_S)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def cut_worker(suite: Suite, dice: Random) -> None:
    """The far worker reaches nobody, and learns so at once; for longer than its lease."""
    _strike_links(suite, Link.cut)


def hold_worker(suite: Suite, dice: Random) -> None:
    """The far worker's connections carry nothing, and nobody is told; for longer than its lease."""
    _strike_links(suite, Link.hold)


FAULTS: Final[Mapping[str, Fault]] = {
    "kill a State Tracker": kill("state-tracker"),
    "kill all State Trackers": kill_all_state_trackers,
    "kill a Dependency Manager": kill("dependency-manager"),
    "kill the pool's Action Service": kill_pool_owner,
    "kill the artifact store": kill("artifact-store"),
    "kill a worker": kill("worker"),
    "kill an operator's process": kill_operator,
    "stop a State Tracker": stand_still("state-tracker", ZOMBIE_S),
    "stop a Dependency Manager": stand_still("dependency-manager", ZOMBIE_S),
    "stop the pool's Action Service": stop_pool_owner,
    "stop a worker": stand_still("worker", WORKER_ZOMBIE_S),
    "cut a worker's network": cut_worker,
    "a worker's network goes dead": hold_worker,
    "kill Kafka": kill_kafka,
    "kill Kafka and wipe its data": wipe_kafka,
    "stop Kafka": stop_kafka,
    "Postgres, immediate stop": postgres_immediate,
    "kill Postgres": kill_postgres,
    "kill a session of Postgres": kill_session,
    "stop Postgres": stop_postgres,
    "a worker's disk is full": full_disk,
    "a worker has no descriptors": no_descriptors,
    "a worker cannot fork": no_forks,
    "operators' processes escape": escape,
    "a hole in the topic": make_hole,
    "a worker's twin elsewhere": twin_elsewhere,
    "a worker's twin in its folder": twin_in_folder,
}


def _killed(suite: Suite, name: str, away_s: float) -> None:
    instance = suite.instance(name)
    instance.kill()
    time.sleep(away_s)
    instance.start()
    suite.topology.wait_ready(workers=False)


def _stopped(suite: Suite, name: str, seconds: float) -> None:
    instance = suite.instance(name)
    instance.signal(signal.SIGSTOP)
    time.sleep(seconds)
    instance.signal(signal.SIGCONT)


def _restart_postgres(suite: Suite, dice: Random) -> None:
    suite.topology.postgres.stop()
    time.sleep(dice.uniform(0, POSTGRES_AWAY_S))
    suite.topology.postgres.start()


def _start_kafka(suite: Suite) -> None:
    """On a busy machine a broker that recovers its data may need more time than it is given at once."""
    try:
        suite.topology.kafka.start()
    except KafkaFailed:
        suite.topology.kafka.start()


def _connect_through_links(suite: Suite) -> None:
    """Let the first Action Service own the pool, and the far worker connect to it anew.

    A worker that was sent from one owner to the next reaches that one beside the link.
    """
    first, *others = suite.names("action-service")
    if suite.pool_owner() != first:
        for name in others:
            suite.instance(name).stop()
            suite.instance(name).start()
        suite.topology.wait_ready()
    suite.instance(FAR_WORKER).stop()
    suite.instance(FAR_WORKER).start()
    suite.topology.wait_ready()
    time.sleep(CONNECTED_S)


def _strike_links(suite: Suite, strike: Callable[[Link], Coroutine[Any, Any, None]]) -> None:
    """Do something to all connections of the far worker, and mend them after longer than its lease."""
    _connect_through_links(suite)
    for link in suite.links:
        suite.background.call(strike(link))
    time.sleep(WORKER_ZOMBIE_S)
    for link in suite.links:
        suite.background.call(link.mend())
