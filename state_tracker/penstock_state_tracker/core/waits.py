"""What the open runs of a shard wait for, and when each of it is due: pure.

Beginning and ending a wait are decisions of their own, which a new owner derives again from what the log says: so
nothing is lost between two of them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from penstock_plan.waits import Wait
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2

from .run import Begun, Run
from .transitions import WAITING

NEVER: Final = float("inf")
# A time that is far away is compared with the database's clock again after this long: that may jump.
RECHECK_S: Final = 15.0
FALSE: Final = b"false"
# Stands for a node where the run itself is due.
DEADLINE: Final = -1
# What has ended stays in the heap until it is due, or until half of a larger heap may be that.
HEAP_MIN: Final = 1_000

Key = tuple[float, bytes, int]  # monotonic second, run, node


class Waits:
    """The waits of one shard's open runs, and their deadlines."""

    __slots__ = ("_compact_at", "_heap", "child_runs", "fresh")

    def __init__(self) -> None:
        self._heap: list[Key] = []
        self._compact_at = HEAP_MIN
        # Nodes that were unlocked and may begin, or whose signal is there.
        self.fresh: dict[tuple[bytes, int], None] = {}
        # Nodes whose child runs are to be started, or to be asked for their end: for the shell, which takes them out.
        self.child_runs: dict[tuple[bytes, int], None] = {}

    @property
    def due(self) -> float:
        """Monotonic second from which there is something to do."""
        if self.fresh:
            return 0.0
        return self._heap[0][0] if self._heap else NEVER

    def compact(self, runs: Container[bytes]) -> None:
        """Forget what is due of runs that have ended, now and then."""
        if len(self._heap) >= self._compact_at:
            self._heap = [key for key in self._heap if key[1] in runs]
            heapify(self._heap)
            self._compact_at = max(HEAP_MIN, 2 * len(self._heap))

    def note_unlocked(self, run: Run, parent: int) -> None:
        """Look for nodes that may begin to wait, now that a parent of theirs has ended."""
        waits = run.graph.waits
        for child in run.graph.children[parent]:
            if child in waits:
                self.note(run, child)

    def note_open(self, run: Run) -> None:
        """Look at all waits of a run that was submitted or restored, and at its deadline."""
        if run.deadline < NEVER:
            heappush(self._heap, (run.deadline, run.run_id, DEADLINE))
        for node in run.graph.waits:
            self.note(run, node)

    def note(self, run: Run, node: int) -> None:
        """Do what is due of a node with the next tick."""
        if run.status[node] != WAITING or not run.is_unlocked(node):
            return
        begun = run.waits.begun.get(node)
        if begun is None or _signal(run, node) is not None:
            self.fresh[run.run_id, node] = None
        elif run.graph.waits[node].child is not None:
            self.child_runs[run.run_id, node] = None
        elif begun.due < NEVER:
            heappush(self._heap, (begun.due, run.run_id, node))

    def begin(self, run: Run, node: int, due_at_us: int, due: float) -> None:
        """Note that a wait has begun, live or by replay; `due` is the monotonic second."""
        run.waits.begun[node] = Begun(due_at_us, due)
        self.fresh.pop((run.run_id, node), None)
        self.note(run, node)

    def receive(self, run: Run, node: int, received: ev.SignalReceived) -> None:
        """Note that a signal came, live or by replay."""
        kept = run.waits.signals[node] = ev.SignalReceived()
        kept.CopyFrom(received)
        if node in run.waits.begun:
            self.note(run, node)

    def due_nodes(self, now: float) -> Iterator[tuple[bytes, int]]:
        """Yield the nodes of which something is due, each once; those that are not done are to be noted again."""
        while self.fresh or (self._heap and self._heap[0][0] <= now):
            if self.fresh:
                key = next(iter(self.fresh))
                del self.fresh[key]
                yield key
            else:
                _, run_id, node = heappop(self._heap)
                yield run_id, node


def due_of(wait: Wait, now: float, clock_us: int) -> tuple[int, float]:
    """Return until when a wait goes that begins now: by the database's clock, and the monotonic second."""
    if wait.until_us is not None:
        return wait.until_us, _due_until(wait.until_us, now, clock_us)
    if wait.seconds is None:
        return 0, NEVER
    return clock_us + round(wait.seconds * 1e6), now + wait.seconds


def _due_until(until_us: int, now: float, clock_us: int) -> float:
    return now + min(max(0.0, (until_us - clock_us) / 1e6), RECHECK_S)


def replayed_due(wait: Wait, recorded: float) -> float:
    """Return when a wait is due that was recorded at a monotonic second; a time is looked at at once."""
    if wait.until_us is not None:
        return recorded
    return NEVER if wait.seconds is None else recorded + wait.seconds


def outcome(run: Run, node: int) -> reports_pb2.Report:
    """Return what has become of a wait whose signal is there or whose time has come, as a worker would say it."""
    wait = run.graph.waits[node]
    report = reports_pb2.Report(run_id=run.run_id, node=node, attempt=run.attempt(node))
    received = _signal(run, node)
    if received is not None:
        if wait.is_approval and not wait.goes_on_denied and received.value.inline == FALSE:
            report.failed.CopyFrom(_denied(received))
        else:
            report.succeeded.outputs.values.append(received.value)
    elif wait.otherwise is not None:
        report.succeeded.outputs.values.add().MergeFromString(wait.otherwise)
    elif wait.is_signal:
        text = f"nobody {'answered' if wait.is_approval else 'sent the signal'} within {wait.seconds:g} s"
        failure = ev.Failure(type="TimeoutError", message=text)
        report.failed.CopyFrom(reports_pb2.Failed(cause=ev.CAUSE_TIMEOUT, failure=failure, final=True))
    else:
        report.succeeded.SetInParent()
    return report


def found_nothing(run: Run, node: int, failed: reports_pb2.Failed) -> reports_pb2.Failed:
    """Return how a sensor fails that has looked for long enough."""
    sensor = run.graph.sensors.get(node)
    limit = f" within {sensor.seconds:g} s" if sensor is not None and sensor.seconds is not None else ""
    failure = ev.Failure(type="TimeoutError", message=f"nothing was found{limit}: {failed.failure.message}")
    return reports_pb2.Failed(cause=ev.CAUSE_TIMEOUT, failure=failure, duration_us=failed.duration_us, final=True)


def is_over(run: Run, node: int, now: float, clock_us: int) -> bool:
    """Whether a wait that has begun ends now. A time that has not come is looked at again later."""
    wait, begun = run.graph.waits[node], run.waits.begun[node]
    if _signal(run, node) is not None:
        return True
    if wait.until_us is None:
        return begun.due <= now
    begun.due = _due_until(wait.until_us, now, clock_us)
    return clock_us >= wait.until_us


def _denied(received: ev.SignalReceived) -> reports_pb2.Failed:
    who = received.caller.user or received.caller.subject or "somebody"
    text = f"{who} denied it" + (f": {received.comment}" if received.comment else "")
    return reports_pb2.Failed(cause=ev.CAUSE_USER, failure=ev.Failure(type="Denied", message=text), final=True)


def _signal(run: Run, node: int) -> ev.SignalReceived | None:
    """Return a signal that was not used yet."""
    received = run.waits.signals.get(node)
    return received if received is not None and received.HasField("value") else None
