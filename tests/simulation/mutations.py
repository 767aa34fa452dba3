"""The deliberate bugs, each of which some seed must catch: the proof that the simulation bites.

Each has a seed; `--mutations --search` finds others when their stories changed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock_action_service.pool.book import Book
from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.unrecorded import Unrecorded
from penstock_dependency_manager import core, open_run
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.open_run import OpenRun
from penstock_executors.agent import Agent
from penstock_executors.slots import Slots
from penstock_plan import plan_hash
from penstock_state_tracker import plans
from penstock_state_tracker.api.lookup import Lookup
from penstock_state_tracker.core import outcomes, retries, signals, snapshots, waits
from penstock_state_tracker.core.run import Run
from penstock_state_tracker.core.shard import Shard
from penstock_state_tracker.log import event_log
from penstock_state_tracker.log.committer import Committer
from penstock_state_tracker.log.shard_state import Owned
from penstock_state_tracker.ownership.owner import Owner
from penstock_state_tracker.plans import Plans
from penstock_stream.position import Position

from . import faults
from .ends_mutations import CHILDREN_AND_ENDS
from .growth_mutations import GROWTH_AND_REPAIRS
from .invariants import FINAL_CAUSES, FREE_CAUSES
from .mutation import ANY, WELL, Mutation
from .tables import Tables, shape

SEEDS = Path(__file__).with_name("mutation_seeds.json")


def kept_seeds() -> dict[str, int]:
    """Return the seed that is kept for each mutation."""
    return json.loads(SEEDS.read_text())


def _accept_stale(right: Any) -> Any:
    def report(self: Shard, report: Any, now: float) -> Any:
        run = self.runs.get(report.run_id)
        if run is not None:
            copy = type(report)()
            copy.CopyFrom(report)
            copy.attempt = run.attempt(report.node)
            report = copy
        return right(self, report, now)

    return report


def _without_attempts(right: Any) -> Any:
    def describe(run: Run, now: float) -> Any:
        described = right(run, now)
        for node in described.nodes:
            node.attempt = 1
        return described

    return describe


def _over_the_gap(right: Any) -> Any:
    return lambda self, after_seq, to_seq: right(self, min(after_seq, self.seq), to_seq)


def _too_many(right: Any) -> Any:
    def place(self: Slots, held: Any, now: float) -> Any:
        self._cpu += held.need.cpu_milli
        slot = right(self, held, now)
        self._cpu -= held.need.cpu_milli
        return slot

    return place


def _other_outputs(right: Any) -> Any:
    def ended(run: Run) -> Any:
        event = right(run)
        for ref in event.run_ended.outputs:
            ref.seq += 1
        return event

    return ended


def _nothing(result: Any) -> Callable[[Any], Any]:
    return lambda right: lambda *args, **options: result


def _without_fence(right: Any) -> Any:
    def append(self: Tables, shards: Any, epochs: Any, after: Any, *rest: Any) -> Any:
        heads = [self.heads[shard] for shard in shards]
        return right(self, shards, [head.epoch for head in heads], [head.seq for head in heads], *rest)

    return append


def _renewed_for_all(right: Any) -> Any:
    return lambda self, shards, *rest: [shape("shard", "now_us")(shard, self.now_us) for shard in shards]


def _without_dedup(right: Any) -> Any:
    async def find(self: Lookup, run_ids: Any) -> Any:
        return {run_id: row for run_id, row in (await right(self, run_ids)).items() if row["ended_at_us"] is None}

    return find


def _unknown_is_recorded(right: Any) -> Any:
    def sort_out(self: Committer, pairs: Any, found: Any) -> Any:
        again = right(self, pairs, found)
        self._announce([(owned, part, found[part.shard].recorded_at_us) for owned, part in again])
        return []

    return sort_out


def _lease_from_the_answer(right: Any) -> Any:
    async def renew(self: Owner) -> None:
        asked_at = asyncio.get_running_loop().time()
        await right(self)
        late_s = asyncio.get_running_loop().time() - asked_at
        for owned in self._owned.values():
            owned.valid_until += late_s

    return renew


def _kept_before_it_is_stored(right: Any) -> Any:
    async def put(self: Plans, data: bytes, caller: Any) -> bytes:
        try:
            return await right(self, data, caller)
        except Exception:
            self._keep(plans._checked(data, plan_hash(data)))
            raise

    return put


def _started_before_parents(right: Any) -> Any:
    begun: set[tuple[bytes, int]] = set()

    def count_down(self: OpenRun, children: Any) -> list[int]:
        ready = right(self, children)
        early = [child for child in children if self.waits_for[child] == 1 and (self.run_id, child) not in begun]
        begun.update((self.run_id, child) for child in early)
        return [] if self.is_stopped else [*ready, *early]

    return count_down


def _grants_from_one(right: Any) -> Any:
    def init(self: Pool, name: str, epoch: int, *args: Any, **options: Any) -> None:
        right(self, name, 1, *args, **options)

    return init


def _awaited_lost_at_once(right: Any) -> Any:
    def lose(self: Pool, now: float) -> None:
        taken_at, self._taken_at = self._taken_at, now - 2 * self.lease_s
        right(self, now)
        self._taken_at = taken_at

    return lose


def _one_retry_more(right: Any) -> Any:
    def delay_s(run: Run, node: int, failed: Any, now: float) -> float | None:
        delay = right(run, node, failed, now)
        policy, history = run.graph.retry[node], run.histories.get(node)
        used = 0 if history is None else history.retries
        final = run.is_stopping or failed.final or failed.cause in (*FREE_CAUSES, *FINAL_CAUSES)
        if delay is None and not final and used == policy.retries:
            return retries._backoff_s(policy, used, run, node)
        return delay

    return delay_s


def _forgets_waits(right: Any) -> Any:
    def restore(run: Run, described: Any, now: float) -> None:
        copy = type(described)()
        copy.CopyFrom(described)
        copy.waits = False
        right(run, copy, now)

    return restore


def _without_signals(right: Any) -> Any:
    def describe(run: Run, now: float) -> Any:
        described = right(run, now)
        del described.signals[:]
        return described

    return describe


def _taken_again(right: Any) -> Any:
    def accepted(run: Run, received: Any) -> Any:
        known = dict(run.waits.signals)
        run.waits.signals.clear()
        try:
            return right(run, received)
        finally:
            run.waits.signals.update(known)

    return accepted


def _before_parents(right: Any) -> Any:
    return lambda self, node: node in self.graph.waits or right(self, node)


LEASES = {**ANY, "take_over_s": 4.0, "pause_s": 6.0}
COMMITS = {**ANY, "statement_unknown": 0.1, "statement_fails": 0.05}
BEHIND = {**WELL, "drop": 0.3, "delay_s": 0.5, "call_fails": 0.3, "crash_manager_s": 5.0}
POOLS = {**ANY, "crash_pool_s": 5.0}
CANCELS = {**ANY, "cancel": 0.9}
FAIL_FAST = {"profile": faults.QUIET, "action_fails": 0.4, "action_hangs": 0.4}
GIVE_BACK = {**ANY, "executor_raises": 0.2}
UNRECORDED = {**COMMITS, "crash_tracker_s": 6.0, "statement_late": 0.3}
STOPS = {"profile": faults.QUIET, "cancel": 0.9, "action_hangs": 0.3}
FAILS = {**ANY, "action_fails": 0.3}
WAITS = {**WELL, "waits": 1.0}
WAITS_RESTART = {**WELL, "waits": 1.0, "crash_tracker_s": 3.0}

MUTATIONS = [
    Mutation("the head is moved without a comparison", Tables, "append", _without_fence, COMMITS),
    Mutation("an owner answers after its lease", Owned, "is_valid", lambda right: property(lambda self: True), LEASES),
    Mutation(
        "a lease counts from the answer", Owner, "renew", _lease_from_the_answer, {**LEASES, "statement_late": 0.3}
    ),
    Mutation(
        "leases are renewed, whoever holds them", Tables, "renew", _renewed_for_all, {**ANY, "replace_tracker_s": 4.0}
    ),
    Mutation("answers go out before the commit", Owned, "pending_commit", _nothing(None), UNRECORDED),
    Mutation("an unknown outcome counts as recorded", Committer, "_sort_out", _unknown_is_recorded, COMMITS),
    Mutation("shards that were lost in a commit are kept", Committer, "drop", _nothing(None), LEASES),
    Mutation(
        "a batch ends within a decision",
        event_log,
        "whole",
        lambda right: lambda events, count: min(count, len(events)),
        ANY,
    ),
    Mutation(
        "a plan counts as stored before it is",
        Plans,
        "put",
        _kept_before_it_is_stored,
        {**COMMITS, "crash_tracker_s": 5.0},
    ),
    Mutation(
        "a submit is not compared with runs that have ended", Lookup, "find", _without_dedup, {**ANY, "call_fails": 0.5}
    ),
    Mutation(
        "reports of stale attempts are accepted",
        Shard,
        "report",
        _accept_stale,
        {**FAILS, "repeat": 0.5, "delay_s": 0.5},
    ),
    Mutation(
        "a cancelled run goes on",
        Run,
        "is_stopping",
        lambda right: property(lambda self: self.is_failing_fast),
        CANCELS,
    ),
    Mutation(
        "a failing run goes on", Run, "is_stopping", lambda right: property(lambda self: self.is_cancelling), FAIL_FAST
    ),
    Mutation("the retry delay is lost", retries, "_backoff_s", _nothing(0.0), FAILS),
    Mutation(
        "the retry delay is lost on the way",
        OpenRun,
        "begin_again",
        lambda right: lambda self, node, attempt, delay_s, *rest: right(self, node, attempt, 0.0, *rest),
        FAILS,
    ),
    Mutation("one retry too many", retries, "delay_s", _one_retry_more, FAILS),
    Mutation("nodes start before their last parent", OpenRun, "_count_down", _started_before_parents, ANY),
    Mutation(
        "nothing is skipped after a failure",
        outcomes,
        "downstream",
        lambda right: lambda r, f: ([], right(r, f)[1]),
        FAILS,
    ),
    Mutation("outputs of a run are elsewhere", outcomes, "ended", _other_outputs, ANY),
    Mutation(
        "checkpoints forget attempts", snapshots, "describe", _without_attempts, {**FAILS, "crash_tracker_s": 5.0}
    ),
    Mutation(
        "a snapshot forgets forgiven failures",
        open_run,
        "CONTINUE",
        lambda right: -1,
        {**FAILS, "crash_manager_s": 3.0},
    ),
    Mutation(
        "the end of an attempt is not told",
        Graph,
        "_add_recorded",
        lambda right: lambda s, *a: _ignored(right(s, *a)),
        POOLS,
    ),
    Mutation("a gap in the log is not seen", Position, "follows", _over_the_gap, {**ANY, "drop": 0.3}),
    Mutation("grants of all owners are numbered alike", Pool, "__init__", _grants_from_one, POOLS),
    Mutation("what a dead worker held is not lost", Book, "lose", _nothing(None), {**ANY, "kill_worker_s": 4.0}),
    Mutation(
        "what runs is lost at once after a take-over",
        Pool,
        "_lose_silent",
        _awaited_lost_at_once,
        {**WELL, "crash_pool_s": 3.0, "action_hangs": 0.3},
    ),
    Mutation(
        "what is settled is forgotten before the log was followed to its end",
        Book,
        "settle",
        lambda right: lambda self, action, seq: self.forget(action),
        BEHIND,
    ),
    Mutation("reports are not sent again", Unrecorded, "take_due", _nothing([]), {**ANY, "drop": 0.3}),
    Mutation(
        "stops are not passed on",
        Book,
        "tell_stop",
        _nothing(None),
        STOPS,
    ),
    Mutation("cancellations are not told", core, "_write_stop", lambda right: lambda run, node, stop: None, STOPS),
    Mutation(
        "what could not be started is not given back",
        Agent,
        "_give_up",
        _nothing(None),
        {**ANY, "executor_raises": 0.2},
    ),
    Mutation("a worker runs more than it has room for", Slots, "place", _too_many, ANY),
    Mutation("waits end before their time", waits, "is_over", _nothing(True), WAITS),
    Mutation("waits begin before what they come after", Run, "is_unlocked", _before_parents, WAITS),
    Mutation("checkpoints forget waits", snapshots, "_restore_node", _forgets_waits, WAITS_RESTART),
    Mutation("checkpoints forget signals", snapshots, "describe", _without_signals, WAITS_RESTART),
    Mutation("a signal is taken again", signals, "accepted", _taken_again, WAITS),
    *GROWTH_AND_REPAIRS,
    *CHILDREN_AND_ENDS,
]


def _ignored(instruction: Any) -> Any:
    instruction.recorded.node += 1
    return instruction
