"""Simulated clients: submit and cancel, ask again until they are answered, and remember the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1.value_pb2 import Value, Values
from penstock_proto.wire import shard_of

from .calls import Refused
from .process import Process
from .tracker import CALLER

if TYPE_CHECKING:
    from .world import World

ASK_AGAIN_S = 0.5


class Client(Process):
    """It never crashes: what was answered is its proof."""

    name = "client"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.submitted: list[bytes] = []
        self.cancelled: list[bytes] = []
        self.runs = 0

    def run(self, plan: bytes) -> None:
        """Submit a run, and perhaps cancel it some time."""
        dice = self.world.dice
        self.runs += 1
        run_id = bytes(11) + dice.randrange(2**32).to_bytes(4, "big") + bytes([self.runs])
        nodes = self.world.plans[plan].size
        inputs = Values(values=[Value(codec="json", inline=run_id[-4:], size_bytes=4)])
        options = ev.RunOptions(fail_fast=dice.random() < 0.3, priority=dice.randrange(3))
        event = ev.RunSubmitted(plan=plan, caller=CALLER, nodes=nodes, inputs=inputs, options=options)
        self._submit(run_id, event)
        if dice.random() < self.world.faults.cancel:
            self.later(dice.choice((0.0, 0.001, 0.01, 0.1, 1.0, 5.0)) * dice.random() * 2, self._cancel, run_id)

    def _submit(self, run_id: bytes, event: ev.RunSubmitted) -> None:
        shard = shard_of(run_id, self.world.shards)
        tracker = self.world.dice.choice(self.world.trackers)
        self.world.calls.send(
            tracker,
            tracker.submit,
            shard,
            run_id,
            event,
            answer=lambda result: self.later(0, self._answered, result, self.submitted, run_id, self._submit, event),
        )

    def _cancel(self, run_id: bytes, *_: Any) -> None:
        if run_id not in self.submitted:
            self.later(ASK_AGAIN_S, self._cancel, run_id)
            return
        shard = shard_of(run_id, self.world.shards)
        tracker = self.world.dice.choice(self.world.trackers)
        self.world.calls.send(
            tracker,
            tracker.cancel,
            shard,
            run_id,
            answer=lambda result: self.later(0, self._answered, result, self.cancelled, run_id, self._cancel),
        )

    def _answered(self, result: Any, answered: list[bytes], run_id: bytes, again: Any, *args: Any) -> None:
        if isinstance(result, Refused):
            self.later(ASK_AGAIN_S, again, run_id, *args)
        else:
            self.world.note("client", f"run {run_id[-1]}: {'submitted' if answered is self.submitted else 'cancelled'}")
            answered.append(run_id)
