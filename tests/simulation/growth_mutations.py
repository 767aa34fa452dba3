"""Deliberate bugs of maps and branches, and of runs that are reopened, forked or paused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock_action_service.pool.book import Book
from penstock_dependency_manager.open_run import OpenRun
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_state_tracker.core import control, snapshots
from penstock_state_tracker.core.past import Past
from penstock_state_tracker.core.run import Run
from penstock_state_tracker.core.transitions import NOT_TAKEN

from . import faults
from .mutation import WELL, Mutation

MAP = int(plan_pb2.NODE_KIND_MAP)
GROWS = {**WELL, "grows": 1.0}
GROWS_FAILS = {**GROWS, "action_fails": 0.2}
GROWS_RESTART = {**GROWS_FAILS, "crash_tracker_s": 3.0, "crash_manager_s": 3.0}
GROWS_STOPS = {**GROWS, "cancel": 0.9}
REPAIRS = {**WELL, "repairs": 1.0, "action_fails": 0.3, "cancel": 0.3}
PAUSES = {**REPAIRS, "profile": faults.QUIET, "cancel": 0.0}


def _one_item_less(right: Any) -> Any:
    return lambda self, node, items: right(self, node, max(1, items - 1))


def _on_all_sides(right: Any) -> Any:
    return lambda self, node, outputs: self.unlock(node)


def _other_side(right: Any) -> Any:
    return lambda run, branch, side: right(run, branch, side + 1)


def _without_not_taken(right: Any) -> Any:
    def describe(run: Run, now: float) -> Any:
        described = right(run, now)
        kept = [node for node in described.nodes if node.status != NOT_TAKEN]
        del described.nodes[:]
        described.nodes.extend(kept)
        return described

    return describe


def _items_wait_for_nothing(right: Any) -> Any:
    def grow(self: OpenRun, node: int, items: int) -> None:
        before = len(self.waits_for)
        right(self, node, items)
        for added in range(before, len(self.waits_for)):
            self.waits_for[added] = min(1, self.waits_for[added])

    return grow


def _changed(change: Callable[[ev.RunReopened], None]) -> Callable[[Any], Any]:
    """A mutation of what the event says by which a run goes on."""

    def make(right: Any) -> Any:
        def reopened(self: Past, *args: Any) -> Any:
            event = right(self, *args)
            if event is not None:
                change(event)
            return event

        return reopened

    return make


def _last_success_lost(event: ev.RunReopened) -> None:
    del event.succeeded.node_steps[-1:], event.succeeded.seq_steps[-1:]


def _attempts_from_one(event: ev.RunReopened) -> None:
    del event.tried_steps[:], event.next_attempts[:]


def _takes_over_nothing(right: Any) -> Any:
    return lambda self, succeeded: None


def _without_pause(right: Any) -> Any:
    def restored(described: Any, *rest: Any) -> Any:
        copy = type(described)()
        copy.CopyFrom(described)
        copy.paused = False
        return right(copy, *rest)

    return restored


def _nothing(*_: Any, **__: Any) -> None: ...


GROWTH_AND_REPAIRS = [
    Mutation("a map adds an item too few", Run, "grow", _one_item_less, GROWS),
    Mutation("all sides of a branch begin", OpenRun, "unlock_taken", _on_all_sides, GROWS),
    Mutation("a branch leaves out the side that it took", control, "not_taken", _other_side, GROWS),
    Mutation("nothing is left out by a branch", control, "not_taken", lambda right: lambda *_: [], GROWS),
    Mutation("checkpoints forget what was not taken", snapshots, "describe", _without_not_taken, GROWS_RESTART),
    Mutation("an item begins before all that it waits for", OpenRun, "grow", _items_wait_for_nothing, GROWS),
    Mutation(
        "a map grows though its run is cancelled", control, "is_too_late", lambda right: lambda *_: False, GROWS_STOPS
    ),
    Mutation(
        "items that wait for what has failed are not skipped",
        control,
        "without_hope",
        lambda right: lambda *_: ([], -1),
        GROWS_FAILS,
    ),
    Mutation("what has succeeded is lost where a run goes on", Past, "reopened", _changed(_last_success_lost), REPAIRS),
    Mutation("attempts count from one where a run goes on", Past, "reopened", _changed(_attempts_from_one), REPAIRS),
    Mutation("what a fork took over is executed again", OpenRun, "take_over", _takes_over_nothing, REPAIRS),
    Mutation("a paused run goes on", Book, "hold_run", lambda right: _nothing, PAUSES),
    Mutation(
        "who takes a shard over forgets pauses", snapshots, "restored", _without_pause, GROWS_RESTART | {"repairs": 1.0}
    ),
]
