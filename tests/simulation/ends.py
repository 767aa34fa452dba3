"""What must hold of the nodes that a run executes at its end, and of items whose number is limited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from penstock_plan.graph import MAP
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from .violations import demand

if TYPE_CHECKING:
    from .invariants import Execution, Recorded, RunOfLog

# Why nodes are skipped of a run that is stopping.
STOPS = (ev.SKIP_REASON_RUN_CANCELLED, ev.SKIP_REASON_FAIL_FAST)


def began(run: RunOfLog, event: ev.FinallyBegan, record: Recorded) -> None:
    """Check that the end begins once, when all else has ended, and as that ended."""
    finals = run.graph.finals
    demand(bool(finals) and not run.ending, "the end of a run begins again, or there is none")
    still = [index for index in run.open_nodes() if index not in finals]
    demand(not still, f"the end begins with open nodes {still}")
    expected = run.expected_state()
    demand(event.state == expected, f"the run is to end as {event.state} where {expected} was due")
    run.ending, run.stopping = event.state, False
    run.ends_began_at_s.append(record.at_s)


def check_left_out(run: RunOfLog, node: int, skipped: ev.NodesSkipped) -> None:
    """Check that what stops a run leaves its end out only once that has begun."""
    is_early = node in run.graph.finals and skipped.reason in STOPS and not run.ending
    demand(not is_early, f"node {node} of the run's end is skipped because the run stops")


def check_whole(run: RunOfLog) -> None:
    """Check that all of a run's end was executed, unless somebody cancelled that or what it uses is not there."""
    demand(not run.graph.finals or bool(run.ending), "the run has ended without its end")
    for node, kind in run.graph.finals.items():
        status = run.nodes[node].status
        is_due = kind == plan_pb2.AT_END_ALWAYS or run.ending == ev.RUN_STATE_FAILED
        is_left_out = run.stopping or not all(run.passed(each, node) for each in run.graph.parents[node])
        if is_due and not is_left_out:
            demand(status in ("succeeded", "failed"), f"node {node} of the run's end is {status}")
        elif not is_due:
            demand(status == "not taken", f"node {node} is for failures, and is {status}")


def check_begun(execution: Execution, run: RunOfLog) -> None:
    """Check that what a run executes at its end is not executed before."""
    if execution.node in run.graph.finals:
        began_at_s = min(run.ends_began_at_s, default=float("inf"))
        demand(execution.at_s >= began_at_s - 1e-6, f"{execution}: of the run's end, which began at {began_at_s}")


def is_of_another(execution: Execution, run: RunOfLog) -> bool:
    """Whether it may have been of an earlier end of the run than the last one."""
    return execution.node in run.graph.finals and bool(run.repaired.kept)


def check_limits(executions: Iterable[Execution], runs: Mapping[bytes, RunOfLog]) -> None:
    """Check that never more items of a map are open than it allows; what is repaired counts anew."""
    begun: dict[tuple[bytes, int, tuple[int, ...]], dict[int, float]] = {}  # by map and what is around: its items
    for execution in executions:
        run = runs[execution.run_id]
        template, path = run.grown.executions[execution.node]
        for depth, around in enumerate(run.grown.around(template)):
            if around in run.graph.concurrency and not run.repaired.kept:
                items = begun.setdefault((execution.run_id, around, path[:depth]), {})
                items.setdefault(path[depth], execution.at_s)
    for (run_id, of_map, path), items in begun.items():
        run, most = runs[run_id], runs[run_id].graph.concurrency[of_map]
        demand(run.graph.kinds[of_map] == MAP, f"node {of_map} is no map and has a limit of items")
        ends = {item: _ended_at_s(run, of_map, (*path, item)) for item in items}
        for item, at_s in items.items():
            others = [one for one, since_s in items.items() if since_s <= at_s < ends[one] or one == item]
            demand(
                len(others) <= most,
                f"run {run_id.hex()}: items {others} of map {of_map} are open at {at_s}, of which {most} may be",
            )


def _ended_at_s(run: RunOfLog, of_map: int, path: tuple[int, ...]) -> float:
    """When the last of an item's nodes ended."""
    nodes = [
        run.nodes[index]
        for index, (template, around) in enumerate(run.grown.executions)
        if run.grown.around(template)[-1:] == (of_map,) and around == path
    ]
    return max(node.ends_at_s[-1] if node.ends_at_s else float("inf") for node in nodes)
