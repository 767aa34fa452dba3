"""The simulated database: heads moved by compare-and-set, logs without a gap, plans, leases. It never forgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api

from .invariants import Recorded

if TYPE_CHECKING:
    from .world import World

COMMIT_S = 0.002
LEASE_S = 3.0


class Part(NamedTuple):
    """What one shard adds in one commit."""

    shard: int
    epoch: int
    after_seq: int
    events: Sequence[ev.Event]


@dataclass(slots=True)
class Head:
    epoch: int = 0
    seq: int = 0
    owner: str = ""
    expires_at: float = 0.0


@dataclass(slots=True)
class Checkpoint:
    seq: int = 0
    runs: list[api.OpenRun] = field(default_factory=list)


class Database:
    def __init__(self, world: World, shards: int) -> None:
        self.world = world
        self.heads = [Head() for _ in range(shards)]
        self.logs: list[list[Recorded]] = [[] for _ in range(shards)]
        self.checkpoints = [Checkpoint() for _ in range(shards)]
        self.runs: set[bytes] = set()
        self.pool_epoch = 0

    def take(self, shard: int, owner: str) -> int:
        """Make somebody the owner of a shard; return the new epoch, which fences all former ones."""
        head = self.heads[shard]
        head.epoch += 1
        head.owner = owner
        head.expires_at = self.world.now + LEASE_S
        return head.epoch

    def renew(self, shard: int, owner: str) -> bool:
        """Keep a shard; False if it is somebody else's by now."""
        head = self.heads[shard]
        if head.owner != owner:
            return False
        head.expires_at = self.world.now + LEASE_S
        return True

    def commit(self, parts: Sequence[Part], answer: Callable[[set[int] | None], None]) -> None:
        """Append each part after its head. The answer, some time later: shards still held, or None: unknown."""
        dice, faults = self.world.dice, self.world.faults
        there, back = dice.expovariate(1 / COMMIT_S), dice.expovariate(1 / COMMIT_S)
        fate = dice.random()
        if fate < faults.commit_fails:
            self.world.loop.call_later(there + back, answer, None)
        elif fate < faults.commit_fails + faults.commit_unknown:
            late = dice.choice((0.0, 0.05, 1.0, 6.0))  # it may land long after its writer has looked at the head
            self.world.loop.call_later(there + late, self._append, parts, None)
            self.world.loop.call_later(there + back, answer, None)
        else:
            self.world.loop.call_later(there, self._append, parts, lambda held: self._answer(back, answer, held))

    def _answer(self, delay_s: float, answer: Callable[[set[int]], None], held: set[int]) -> None:
        self.world.loop.call_later(delay_s, answer, held)

    def _append(self, parts: Sequence[Part], answer: Callable[[set[int]], None] | None) -> None:
        held: set[int] = set()
        for part in parts:
            head = self.heads[part.shard]
            if (head.epoch, head.seq) != (part.epoch, part.after_seq):
                continue
            held.add(part.shard)
            log = self.logs[part.shard]
            for event in part.events:
                head.seq += 1
                log.append(Recorded(part.shard, head.seq, part.epoch, event, self.world.decided_at[id(event)]))
                if event.HasField("run_submitted"):
                    self.runs.add(event.run_id)
                self.world.note("log", f"{part.shard}/{head.seq} {spelt(event)}")
        if answer is not None:
            answer(held)


def spelt(event: ev.Event) -> str:
    """Spell an event in a few words."""
    kind = event.WhichOneof("kind") or "?"
    what = getattr(event, kind)
    run = event.run_id[-1]
    match kind:
        case "action_started" | "action_succeeded":
            return f"{kind} run {run} node {what.node}.{what.attempt} grant {what.grant:x} on {what.worker}"
        case "action_failed":
            retry = f"retry in {what.retry_delay_s:.2f} s" if what.HasField("retry_delay_s") else "final"
            cause = ev.Cause.Name(what.cause).removeprefix("CAUSE_").lower()
            return f"{kind} run {run} node {what.node}.{what.attempt} grant {what.grant:x} {cause}, {retry}"
        case "nodes_skipped":
            return f"{kind} run {run} nodes {list(what.nodes)}"
        case "run_ended":
            return f"{kind} run {run} {ev.RunState.Name(what.state).removeprefix('RUN_STATE_').lower()}"
        case _:
            return f"{kind} run {run}"
