"""What must hold of waits: each begins once, ends once and not early, and uses a signal that came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock_plan.waits import Wait
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from . import children
from .violations import demand

if TYPE_CHECKING:
    from .invariants import Recorded, RunOfLog

# How late a wait may end where nothing goes wrong.
LATE_S = 1.0
# How far the database's clock is known: its answer takes a while.
CLOCK_S = 0.02


@dataclass(slots=True)
class WaitOfLog:
    """One node that waited."""

    began_at_s: float
    due_at_us: int
    ended_at_s: float = 0.0
    by_signal: bool = False


@dataclass(slots=True)
class WaitsOfLog:
    """What the log has said of a run's waits so far, by node and by name."""

    began: dict[int, WaitOfLog] = field(default_factory=dict[int, WaitOfLog])
    signals: dict[str, ev.SignalReceived] = field(default_factory=dict[str, ev.SignalReceived])
    received: set[str] = field(default_factory=set[str])  # at any time, also before the run was reopened


def began(run: RunOfLog, event: ev.WaitBegan, record: Recorded) -> None:
    node = run.nodes[event.node]
    demand(event.node in run.graph.waits, f"node {event.node} waits, which is no wait")
    demand(node.status == "waiting" and event.node not in run.waits.began, f"node {event.node} begins to wait again")
    demand(run.lets_run(event.node), f"node {event.node} waits before what it comes after has ended")
    run.waits.began[event.node] = WaitOfLog(record.at_s, event.due_at_us)
    if run.graph.waits[event.node].child is not None:
        run.child_runs.began.append((event.node, record.at_s))


def received(run: RunOfLog, event: ev.SignalReceived, record: Recorded) -> None:
    demand(event.name not in run.waits.signals, f"signal {event.name} is received twice")
    demand(not run.stopping, f"signal {event.name} of a run that is stopping")
    run.waits.signals[event.name] = event
    run.waits.received.add(event.name)


def ended(run: RunOfLog, event: ev.ActionSucceeded | ev.ActionFailed, record: Recorded) -> None:
    """Check that a wait had a reason to end, when it was due or by its signal."""
    if run.graph.waits[event.node].child is not None:
        children.node_ended(run, event, record)
        return
    wait, waited = run.graph.waits[event.node], run.waits.began.get(event.node)
    demand(waited is not None, f"node {event.node} ends without having waited")
    assert waited is not None
    signal = run.waits.signals.get(run.graph.names[event.node])
    waited.ended_at_s, waited.by_signal = record.at_s, signal is not None
    if isinstance(event, ev.ActionSucceeded):
        _check_output(wait, event, signal)
    elif signal is None:
        demand(event.cause == ev.CAUSE_TIMEOUT, f"wait {event.node} fails without a timeout")
    if signal is None:
        demand(bool(waited.due_at_us), f"wait {event.node} ends by itself, but for ever waits for a signal")


def _check_output(wait: Wait, event: ev.ActionSucceeded, signal: ev.SignalReceived | None) -> None:
    values: list[Any] = [value.SerializeToString() for value in event.outputs.values]
    due = [] if not wait.is_signal else [signal.value.SerializeToString() if signal is not None else wait.otherwise]
    demand(values == due, f"wait {event.node} put out {values}, expected {due}")


def check_times(runs: Mapping[bytes, RunOfLog], epoch_us: int, jumped_s: float) -> None:
    """Check that no wait ended early; the jumps of the database's clock count where its owner changed."""
    for run_id, run in runs.items():
        for node, waited in run.waits.began.items():
            wait = run.graph.waits[node]
            if not waited.ended_at_s or waited.by_signal:
                continue
            least_s = wait.seconds or 0.0
            if wait.until_us is not None:
                least_s = (wait.until_us - epoch_us) / 1e6 - waited.began_at_s
            passed_s = waited.ended_at_s - waited.began_at_s
            demand(
                passed_s >= least_s - jumped_s - CLOCK_S,
                f"run {run_id.hex()}: wait {node} ended after {passed_s} s, expected {least_s}",
            )


def check_prompt(runs: Mapping[bytes, RunOfLog], epoch_us: int) -> None:
    """Check that no wait ended late; only where nothing went wrong."""
    for run_id, run in runs.items():
        for node, waited in run.waits.began.items():
            late_s = waited.ended_at_s - max((waited.due_at_us - epoch_us) / 1e6, waited.began_at_s)
            ends = waited.ended_at_s and not waited.by_signal
            demand(not ends or late_s < LATE_S, f"run {run_id.hex()}: wait {node} ended {late_s:.1f} s late")
