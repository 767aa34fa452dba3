"""Deliberate bugs, each of which some seed must catch: the proof that the simulation bites."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from penstock_action_service.pool.book import Book
from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.unrecorded import Unrecorded
from penstock_dependency_manager import core
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.open_run import OpenRun
from penstock_executors.slots import Slots
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_state_tracker.core import outcomes, retries, snapshots
from penstock_state_tracker.core.run import Run
from penstock_state_tracker.core.shard import Shard
from penstock_stream.position import Position

from .database import Database
from .invariants import Violation
from .tracker import Tracker
from .world import World


@dataclass(frozen=True, slots=True)
class Mutation:
    """One attribute of the product replaced; `make` gets the right one and returns the wrong one."""

    name: str
    owner: Any
    attribute: str
    make: Callable[[Any], Any]

    @contextmanager
    def applied(self) -> Generator[None]:
        right = self.owner.__dict__[self.attribute]
        setattr(self.owner, self.attribute, self.make(right))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)

    def caught_by(self, seeds: range) -> int | None:
        """Return the first seed that fails with the bug in place; None if all hold."""
        with self.applied():
            for seed in seeds:
                try:
                    World(seed).run()
                except Violation:
                    return seed
        return None


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


def _answer_at_once(right: Any) -> Any:
    def command(self: Tracker, shard: int, decide: Any, answer: Any) -> None:
        core = self.cores.get(shard)
        right(self, shard, decide, answer if core is None else lambda _: None)
        if core is not None:
            answer([])

    return command


def _without_fence(right: Any) -> Any:
    def append(self: Database, parts: Any, answer: Any) -> None:
        heads = self.heads
        here = [part._replace(epoch=heads[part.shard].epoch, after_seq=heads[part.shard].seq) for part in parts]
        right(self, here, answer)

    return append


def _without_dedup(right: Any) -> Any:
    def submit(self: Tracker, shard: int, run_id: bytes, event: Any, answer: Any) -> None:
        now = self.world.now
        self.command(shard, lambda c: [] if run_id in c.runs else c.submit(event, run_id, now), answer)

    return submit


def _started_before_parents(right: Any) -> Any:
    def count_down(self: OpenRun, children: Any) -> list[int]:
        ready = right(self, children)
        early = [child for child in children if self.waits_for[child] == 1 and child not in self.pending]
        for child in early:
            self.waits_for[child] = 0
        return [] if self.stopped else [*ready, *early]

    return count_down


def _grants_from_one(right: Any) -> Any:
    def init(self: Pool, name: str, epoch: int, *args: Any, **options: Any) -> None:
        right(self, name, 1, *args, **options)

    return init


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


MUTATIONS = [
    Mutation("the head is moved without a comparison", Database, "_append", _without_fence),
    Mutation("an owner answers after its lease", Tracker, "owns", _nothing(True)),
    Mutation("answers go out before the commit", Tracker, "command", _answer_at_once),
    Mutation("a submit is not compared with runs that have ended", Tracker, "submit", _without_dedup),
    Mutation("reports of stale attempts are accepted", Shard, "report", _accept_stale),
    Mutation("a cancelled run goes on", Run, "stopping", lambda right: property(lambda self: self.failing_fast)),
    Mutation("a failing run goes on", Run, "stopping", lambda right: property(lambda self: self.cancelling)),
    Mutation("the retry delay is lost", retries, "_backoff_s", _nothing(0.0)),
    Mutation(
        "the retry delay is lost on the way", OpenRun, "begin", lambda right: lambda s, n, a, d: right(s, n, a, 0.0)
    ),
    Mutation(
        "one retry too many",
        retries,
        "delay_s",
        lambda right: lambda run, node, failed: right(run, node, failed) or 1.0,
    ),
    Mutation("nodes start before their last parent", OpenRun, "_count_down", _started_before_parents),
    Mutation(
        "nothing is skipped after a failure", outcomes, "downstream", lambda right: lambda r, f: ([], right(r, f)[1])
    ),
    Mutation("outputs of a run are elsewhere", outcomes, "ended", _other_outputs),
    Mutation("checkpoints forget attempts", snapshots, "describe", _without_attempts),
    Mutation(
        "the end of an attempt is not told", Graph, "_recorded", lambda right: lambda s, *a: _ignored(right(s, *a))
    ),
    Mutation("a gap in the log is not seen", Position, "follows", _over_the_gap),
    Mutation("grants of all owners are numbered alike", Pool, "__init__", _grants_from_one),
    Mutation("what a dead worker held is not lost", Book, "lose", _nothing(None)),
    Mutation("reports are not sent again", Unrecorded, "due", _nothing([])),
    Mutation("stops are not passed on", Book, "tell_stop", _nothing(None)),
    Mutation("cancellations are not told", core, "_stop", lambda right: lambda run, node: act.Instruction()),
    Mutation("a worker runs more than it has room for", Slots, "place", _too_many),
]


def _ignored(instruction: Any) -> Any:
    instruction.recorded.node += 1
    return instruction
