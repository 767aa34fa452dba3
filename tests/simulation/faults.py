"""What goes wrong in one simulation, drawn from its seed: often nothing of a kind, sometimes very much of it."""

from dataclasses import dataclass
from random import Random

# Until then anything may happen; afterwards nothing does, and everything must come to its end.
FAULTS_FOR_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities, and mean times between events in seconds; 0: never."""

    quiet: bool  # nothing but operators fails
    drop: float  # of a message of the stream
    repeat: float
    delay_s: float  # mean, of a message of the stream
    call_fails: float  # of a call between services: unanswered, whether or not it arrived
    commit_fails: float
    commit_unknown: float  # the connection breaks before the answer; half of these were recorded
    crash_tracker_s: float
    crash_manager_s: float
    crash_pool_s: float
    crash_at_step: float  # of any service, between any two of its steps
    take_over_pool_s: float  # another Action Service takes the pool, while its owner lives on
    take_over_s: float  # another State Tracker takes shards, and their owner comes back and does not know
    pause_s: float  # a process stands still for seconds, and wakes late
    kill_worker_s: float
    cut_link_s: float  # between a worker and the pool
    orders_lost: float  # of messages on a link that is about to break
    heartbeats_lost: float
    action_fails: float
    action_dies: float  # its process is killed
    action_hangs: float  # it runs into its timeout, or for long
    cancel: float  # of a run


def draw(dice: Random) -> Faults:
    """Draw the faults of one simulation. One in eight has none but those of operators."""
    quiet = dice.random() < 0.125

    def some(*values: float) -> float:
        return 0.0 if quiet else dice.choice(values)

    return Faults(
        quiet=quiet,
        drop=some(0, 0, 0.05, 0.3, 1.0),
        repeat=some(0, 0, 0.1, 0.5),
        delay_s=some(0.001, 0.001, 0.02, 0.5),
        call_fails=some(0, 0, 0.05, 0.3),
        commit_fails=some(0, 0, 0.02, 0.1),
        commit_unknown=some(0, 0, 0.02, 0.2),
        crash_tracker_s=some(0, 0, 20, 5),
        crash_manager_s=some(0, 0, 20, 5),
        crash_pool_s=some(0, 0, 20, 8),
        crash_at_step=some(0, 0, 0.002, 0.01),
        take_over_pool_s=some(0, 0, 0, 20, 8),
        take_over_s=some(0, 0, 15, 4),
        pause_s=some(0, 0, 15, 6),
        kill_worker_s=some(0, 0, 20, 6),
        cut_link_s=some(0, 0, 15, 4),
        orders_lost=some(0, 0.5, 1.0),
        heartbeats_lost=some(0, 0, 0.5, 1.0),
        action_fails=dice.choice((0.0, 0.05, 0.3)),
        action_dies=dice.choice((0.0, 0.0, 0.1)),
        action_hangs=dice.choice((0.0, 0.0, 0.1)),
        cancel=dice.choice((0.0, 0.2, 0.6)),
    )
