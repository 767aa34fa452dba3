"""Deliberate bugs of child runs, of what runs at the end of a run, and of limits of items."""

from __future__ import annotations

from typing import Any

from penstock_dependency_manager.item_limit import ItemLimit
from penstock_dependency_manager.open_run import OpenRun
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import child_run_id
from penstock_state_tracker.api.child_runs import ChildRuns, Open
from penstock_state_tracker.core import child_runs, outcomes, snapshots

from . import faults
from .mutation import WELL, Mutation

CHILDREN = {**WELL, "children": 1.0}
CHILDREN_RESTART = {**CHILDREN, "crash_tracker_s": 3.0, "call_fails": 0.3}
CHILDREN_FAIL = {**CHILDREN, "action_fails": 0.4}
CHILDREN_STOP = {**CHILDREN, "profile": faults.QUIET, "cancel": 0.9, "action_hangs": 0.3}
ENDS = {**WELL, "ends": 1.0, "action_fails": 0.2}
ENDS_STOP = {**ENDS, "cancel": 0.9}
ENDS_RESTART = {**ENDS, "crash_tracker_s": 2.0, "crash_manager_s": 2.0}


def _id_of_owner(right: Any) -> Any:
    return property(lambda self: child_run_id(self.run.run_id, self.node, self.number + self.owned.epoch - 1))


def _succeeds_anyway(right: Any) -> Any:
    def failed(*args: Any) -> Any:
        report = right(*args)
        report.succeeded.SetInParent()
        return report

    return failed


def _other_inputs(right: Any) -> Any:
    def request(*args: Any) -> Any:
        asked = right(*args)
        for value in asked.inputs.values():
            value.inline = b"-1"
        return asked

    return request


async def _nothing(*_: Any) -> None: ...


def _only_if_it_goes_well(right: Any) -> Any:
    def without(run: Any, state: int) -> Any:
        not_taken, hopeless = right(run, state)
        if state == ev.RUN_STATE_CANCELLED:
            hopeless = [node for node in run.graph.finals if node not in not_taken]
        return not_taken, hopeless

    return without


def _without_ending(right: Any) -> Any:
    def describe(run: Any, now: float) -> Any:
        described = right(run, now)
        described.ClearField("ending")
        return described

    return describe


def _one_more(right: Any) -> Any:
    return lambda self, items, nodes, most: right(self, items, nodes, most + 1)


CHILDREN_AND_ENDS = [
    Mutation("each owner of a shard starts child runs again", Open, "id", _id_of_owner, CHILDREN_RESTART),
    Mutation("a node succeeds whose child run has failed", child_runs, "failed", _succeeds_anyway, CHILDREN_FAIL),
    Mutation("a child run has other inputs", child_runs, "request", _other_inputs, CHILDREN),
    Mutation("the end of a child run is not told", ChildRuns, "_take", lambda right: _nothing, CHILDREN),
    Mutation("child runs outlive their parent", ChildRuns, "_cancel", lambda right: lambda *_: None, CHILDREN_STOP),
    Mutation("nothing runs at the end of a cancelled run", outcomes, "without", _only_if_it_goes_well, ENDS_STOP),
    Mutation(
        "what is for failures runs at each end", outcomes, "without", lambda right: lambda *a: ([], right(*a)[1]), ENDS
    ),
    Mutation("checkpoints forget how a run ends", snapshots, "describe", _without_ending, ENDS_RESTART),
    Mutation("an item more than a map allows is open", ItemLimit, "__init__", _one_more, {**ENDS, "action_hangs": 0.1}),
    Mutation("items begin without regard to their limit", OpenRun, "is_admitted", lambda right: lambda *_: True, ENDS),
]
