"""What must hold of runs that are reopened, forked or paused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import numbers, unpacked

from .violations import demand
from .waits import WaitsOfLog

if TYPE_CHECKING:
    from .invariants import Execution, Recorded, RunOfLog

MAY_GO_ON = (ev.RUN_STATE_FAILED, ev.RUN_STATE_CANCELLED)
# What was granted before a pause, or before the end of a run that goes on, begins within so many seconds.
BEGINS_WITHIN_S = 0.5


@dataclass(slots=True)
class RepairsOfLog:
    """What the log has said of a run's repairs so far."""

    is_paused: bool = False
    pauses: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])  # from when to when
    # When it went on, and which nodes had succeeded before, by the attempt; a fork begins so.
    kept: list[tuple[float, dict[int, int]]] = field(default_factory=list[tuple[float, dict[int, int]]])


def taken_over(run: RunOfLog, runs: Mapping[bytes, RunOfLog], record: Recorded) -> None:
    """Check what a new run begins with: nodes of a run that has ended, which have succeeded there."""
    submitted = run.submitted
    if not submitted.forked_from:
        demand(not submitted.HasField("reused"), "a run takes over nodes of no run")
        return
    origin = runs.get(submitted.forked_from)
    demand(origin is not None, "a run is forked from one that is not in its shard")
    assert origin is not None
    kept: dict[int, int] = {}
    for index, seq in unpacked(submitted.reused):
        there = origin.nodes[index]
        demand(
            there.output_seq == seq, f"node {index} is taken over from {seq}, and was recorded at {there.output_seq}"
        )
        run.nodes[index].status, run.nodes[index].output_seq = "succeeded", seq
        run.nodes[index].origin = there.origin or submitted.forked_from
        kept[index] = 0
    run.repaired.kept.append((record.at_s, kept))


def reopened(run: RunOfLog, event: ev.RunReopened, record: Recorded) -> None:
    """Check that exactly what has succeeded stays, and that no attempt is counted again; everything else waits."""
    demand(run.state in MAY_GO_ON, f"a run goes on that has ended as {run.state}")
    finals = run.graph.finals  # are executed at each end
    there = {
        index: node.output_seq
        for index, node in enumerate(run.nodes)
        if node.status == "succeeded" and index not in finals
    }
    kept = dict(unpacked(event.succeeded))
    demand(kept == there, f"{kept} stay, and {there} have succeeded")
    demand(event.first_seq == run.first_seq, f"submitted at {event.first_seq}, where {run.first_seq} was")
    attempts = dict(zip(numbers(event.tried_steps), event.next_attempts, strict=True))
    run.repaired.kept.append((record.at_s, {index: run.nodes[index].tried for index in kept}))
    known = event.succeeded
    not_taken = {index for index, node in enumerate(run.nodes) if node.status == "not taken" and index not in finals}
    demand({*numbers(known.not_taken_steps)} == not_taken, f"other nodes than {not_taken} are said to be not taken")
    left_out = {*numbers(known.failed_steps), *numbers(known.skipped_steps)}
    demand(
        all(run.nodes[index].status in ("failed", "skipped", "cancelled") for index in left_out),
        f"{left_out} stay left out",
    )
    for index, node in enumerate(run.nodes):
        if index in finals or (index not in left_out and node.status not in ("succeeded", "template", "not taken")):
            attempt = attempts.get(index, 1)
            demand(attempt > node.tried, f"attempt {attempt} of node {index} again, after {node.tried}")
            node.status, node.attempt, node.retries, node.losses = "waiting", attempt, 0, 0
    run.ended = run.stopping = run.cancelled = False
    run.ending = 0
    run.stopped_at_s, run.state = 0.0, ev.RUN_STATE_RUNNING
    run.waits = WaitsOfLog(received=run.waits.received)


def paused(run: RunOfLog, event: ev.RunPaused, record: Recorded) -> None:
    demand(not run.repaired.is_paused, "a run is paused twice")
    run.repaired.is_paused = True
    run.repaired.pauses.append((record.at_s, float("inf")))


def resumed(run: RunOfLog, event: ev.RunResumed, record: Recorded) -> None:
    demand(run.repaired.is_paused, "a run is resumed that was not paused")
    end_pause(run, record)


def end_pause(run: RunOfLog, record: Recorded) -> None:
    """Note that a pause ends, by itself or with its run."""
    if run.repaired.is_paused:
        run.repaired.is_paused = False
        run.repaired.pauses[-1] = (run.repaired.pauses[-1][0], record.at_s)


def check_kept(executions: Iterable[Execution], runs: Mapping[bytes, RunOfLog]) -> None:
    """Check that nothing that a run keeps or takes over is executed again."""
    for execution in executions:
        for _, kept in runs[execution.run_id].repaired.kept:
            attempt = kept.get(execution.node, execution.attempt)
            demand(execution.attempt <= attempt, f"{execution}: it had succeeded before, with attempt {attempt}")


def check_kept_well(executions: Iterable[Execution], runs: Mapping[bytes, RunOfLog]) -> None:
    """Check the same of attempts that are repeated; only where nothing else went wrong."""
    for execution in executions:
        for since_s, kept in runs[execution.run_id].repaired.kept:
            late = execution.node in kept and execution.at_s > since_s + BEGINS_WITHIN_S
            demand(not late, f"{execution}: it had succeeded before the run went on at {since_s}")


def check_pauses(executions: Iterable[Execution], runs: Mapping[bytes, RunOfLog], news_arrive_from_s: float) -> None:
    """Check that nothing of a paused run begins, once its services have heard of it."""
    for execution in executions:
        for since_s, until_s in runs[execution.run_id].repaired.pauses:
            known_s = max(since_s, news_arrive_from_s) + BEGINS_WITHIN_S
            demand(not known_s < execution.at_s < until_s, f"{execution}: its run was paused at {since_s}")
