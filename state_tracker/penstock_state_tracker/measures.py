"""What is measured of the State Tracker: once a commit, or looked up when it is asked for; never once an event."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol

from penstock_observability import metrics
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import names_of

from .core.run import Run
from .log import event_log as logs
from .log.shard_state import Owned

NAMES: Final = {number: name for name, number in logs.KINDS.items() if name != "run_id"}
STATES: Final = names_of(ev.RunState)
CAUSES: Final = names_of(ev.Cause)

_events: Final = {number: metrics.EVENTS.labels(name) for number, name in NAMES.items()}
_ended: Final = {number: metrics.RUNS_ENDED.labels(name) for number, name in STATES.items() if number >= 3}
_failed: Final = {number: metrics.ATTEMPTS_FAILED.labels(name) for number, name in CAUSES.items() if number}
# Of a worker of a later version.
_other: Final = metrics.ATTEMPTS_FAILED.labels("other")
_recording: Final = metrics.STAGE_SECONDS.labels("record")


def count_commit(parts: Sequence[logs.Part], duration_s: float, waited_s: float) -> None:
    """Count what one commit wrote.

    Args:
        waited_s: From when the oldest of its events was decided until the commit began.
    """
    kinds = Counter(chain.from_iterable(part.kinds for part in parts))
    metrics.COMMIT_SECONDS.observe(duration_s)
    metrics.COMMIT_EVENTS.observe(kinds.total())
    _recording.observe(waited_s + duration_s)
    for kind, count in kinds.items():
        _events[kind].inc(count)
    if logs.RUN_ENDED in kinds:
        for state, count in Counter(event.run_ended.state for event in _of_kind(parts, logs.RUN_ENDED)).items():
            _ended[state].inc(count)
    if logs.ACTION_FAILED in kinds:
        for cause, count in Counter(event.action_failed.cause for event in _of_kind(parts, logs.ACTION_FAILED)).items():
            _failed.get(cause, _other).inc(count)


def _of_kind(parts: Iterable[logs.Part], wanted: int) -> Iterable[ev.Event]:
    return (event for part in parts for kind, event in zip(part.kinds, part.events, strict=True) if kind == wanted)


class Committing(Protocol):
    """What of a committer is looked at."""

    pending_events: int


def register(
    shards: int,
    owned: Mapping[int, Owned],
    committers: Collection[Committing],
    dropped: Mapping[str, int],
    ready: Callable[[], bool],
) -> Callable[[], None]:
    """Let the metrics show one State Tracker's state; the answer ends that."""
    stops = [
        metrics.SHARDS.register_one(lambda: shards),
        metrics.SHARDS_OWNED.register_one(lambda: len(owned)),
        metrics.SHARD_EVENTS.register(lambda: [((str(shard),), one.committed) for shard, one in list(owned.items())]),
        metrics.OPEN_RUNS.register_one(lambda: sum(len(one.core.runs) for one in list(owned.values()))),
        metrics.IDLE_RUN_SECONDS.register_one(lambda: idle_s(owned, time.monotonic())),
        metrics.COMMIT_QUEUE.register_one(lambda: sum(one.pending_events for one in committers)),
        metrics.DATABASE_UP.register_one(ready),
        metrics.REPORTS_DROPPED.register(lambda: [((reason,), count) for reason, count in list(dropped.items())]),
    ]

    def stop() -> None:
        for step in stops:
            step()

    return stop


def idle_s(owned: Mapping[int, Owned], now: float) -> float:
    """Return for how long the run has waited that waits longest: no event, nothing runs, no retry is due later."""
    return now - min((run.touched for run in idle_runs(owned, now)), default=now)


def idle_runs(owned: Mapping[int, Owned], now: float) -> Iterator[Run]:
    """Yield the open runs that stand still: nothing runs or waits for a time or a signal, and no retry is due later."""
    for one in list(owned.values()):
        for run in list(one.core.runs.values()):
            if not run.running and not run.waits.begun and not _is_delayed(run, now):
                yield run


def _is_delayed(run: Run, now: float) -> bool:
    return any(history.ready_at > now for history in list(run.histories.values()))
