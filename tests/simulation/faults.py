"""What goes wrong in one simulation, drawn from its seed: often nothing of a kind, sometimes very much of it."""

from dataclasses import dataclass
from random import Random

# Until then anything may happen; afterwards nothing does, and everything must come to its end.
FAULTS_FOR_S = 40.0

# What goes wrong at all.
ANYTHING = "anything"
QUIET = "quiet"  # nothing but operators
WORKERS_ARE_WELL = "workers are well"  # nothing of workers, their connections, or who keeps the other end of them
NEWS_ARRIVE = "news arrive"  # nothing between the services: what one says, the others hear
# What is drawn apart from the others, so that they are drawn as if it were not there.
DRAWN_APART = ("waits", "grows", "repairs", "children", "ends")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities, and mean times between events in seconds; 0: never."""

    profile: str
    drop: float  # of a message of the stream
    repeat: float
    delay_s: float  # mean, of a message of the stream
    call_fails: float  # of a call between services: unanswered, whether or not it arrived
    statement_fails: float
    statement_unknown: float  # the connection breaks before the answer; the statement is done, perhaps later
    statement_late: float  # its answer takes seconds
    crash_tracker_s: float
    crash_manager_s: float
    crash_pool_s: float
    crash_at_step: float  # of any service, between any two of its steps
    crash_unseen: float  # of crashes: their connections do not break, and are noticed by nobody for seconds
    pause_s: float  # a process stands still for seconds, and wakes late
    take_over_pool_s: float  # another Action Service takes the pool, while its owner lives on
    take_over_s: float  # another State Tracker takes shards, and their owner comes back and does not know
    replace_tracker_s: float  # one is started under a State Tracker's name and address, while that one lives on
    twin_worker_s: float  # a worker is started under the name of one that lives
    kill_worker_s: float
    cut_link_s: float  # between a worker and the pool
    executor_raises: float  # of calls of a worker's executor
    action_fails: float
    action_dies: float  # its process is killed
    action_hangs: float  # it runs into its timeout, or for long
    cancel: float  # of a run
    # The following are drawn apart from the others.
    waits: float = 0.0  # of a plan: nodes of it wait, and the database's clock jumps
    grows: float = 0.0  # of a plan: it has maps and branches
    repairs: float = 0.0  # runs are paused, reopened and forked
    children: float = 0.0  # of a plan: it starts runs of its own
    ends: float = 0.0  # of a plan: it has nodes for its end, and maps with a limit


def draw(dice: Random) -> Faults:
    """Draw the faults of one simulation: of every kind, or only of kinds that leave something to rely on."""
    (profile,) = dice.choices((ANYTHING, QUIET, WORKERS_ARE_WELL, NEWS_ARRIVE), (10, 2, 3, 2))
    services = profile in (ANYTHING, WORKERS_ARE_WELL)

    def of_services(*values: float) -> float:
        return dice.choice(values) if services else 0.0

    def of_pools(*values: float) -> float:
        return dice.choice(values) if profile != QUIET else 0.0

    def of_workers(*values: float) -> float:
        return dice.choice(values) if profile in (ANYTHING, NEWS_ARRIVE) else 0.0

    def of_all(*values: float) -> float:
        return dice.choice(values) if profile == ANYTHING else 0.0

    return Faults(
        profile=profile,
        drop=of_services(0, 0, 0.05, 0.3, 1.0),
        repeat=of_services(0, 0, 0.1, 0.5),
        delay_s=of_services(0.001, 0.001, 0.02, 0.5),
        call_fails=of_services(0, 0, 0.05, 0.3),
        statement_fails=of_services(0, 0, 0.02, 0.05),
        statement_unknown=of_services(0, 0, 0.02, 0.1),
        statement_late=of_services(0, 0, 0.02, 0.1),
        crash_tracker_s=of_services(0, 0, 20, 5),
        crash_manager_s=of_services(0, 0, 20, 5),
        crash_pool_s=of_pools(0, 0, 20, 8),
        crash_at_step=of_services(0, 0, 0.002, 0.01),
        crash_unseen=of_all(0, 0.5),
        pause_s=of_all(0, 0, 15, 6),
        take_over_pool_s=of_all(0, 0, 0, 20, 8),
        take_over_s=of_services(0, 0, 15, 4),
        replace_tracker_s=of_all(0, 0, 15, 5),
        twin_worker_s=of_all(0, 0, 15, 5),
        kill_worker_s=of_workers(0, 0, 20, 6),
        cut_link_s=of_workers(0, 0, 15, 4),
        executor_raises=of_all(0, 0, 0.02, 0.2),
        action_fails=dice.choice((0.0, 0.05, 0.3)),
        action_dies=dice.choice((0.0, 0.0, 0.1)),
        action_hangs=dice.choice((0.0, 0.0, 0.1)),
        cancel=dice.choice((0.0, 0.2, 0.6)),
    )
