"""Simulated clients: store plans, submit and cancel, ask again until they are answered, and remember the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from penstock_plan import plan_hash
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import shard_of

from .invariants import Violation
from .process import Process
from .repairing import CALLER, repair

if TYPE_CHECKING:
    from .world import World

ASK_AGAIN_S = 0.5
TIMEOUT_S = 5.0
SIGNALS_AFTER_S = (0.0, 0.01, 0.3, 2.0, 15.0)
CANCELS_AFTER_S = (0.0, 0.001, 0.01, 0.1, 1.0, 5.0)
# What a client hears while it is only a matter of time.
PATIENCE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Client(Process):
    """It never crashes: what was answered is its proof."""

    may_crash = False
    TIMEOUT_S = TIMEOUT_S

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.submitted: list[bytes] = []
        self.cancelled: list[bytes] = []
        self.signalled: list[tuple[bytes, str]] = []
        self.begun = 0
        self.busy = 0  # with so many runs
        self.forks = 0
        self.children: dict[bytes, bytes] = {}  # child runs, each with its plan

    async def main(self) -> None: ...

    def run(self, plans: Sequence[bytes]) -> None:
        """Submit a run of the last plan, which the others may be child runs of, and perhaps cancel it some time."""
        self.begun += 1
        self.busy += 1
        self.life.spawn(self._run(plans, self.begun))

    async def _run(self, plans: Sequence[bytes], number: int) -> None:
        dice = self.world.dice
        run_id = bytes(11) + dice.randrange(2**32).to_bytes(4, "big") + bytes([number])
        options = ev.RunOptions(fail_fast=dice.random() < 0.3, priority=dice.randrange(3))
        plan = plan_hash(plans[-1])
        request = api.SubmitRequest(run_id=run_id, plan=plan, caller=CALLER, options=options)
        request.inputs["x"].CopyFrom(Value(codec="json", inline=b"%d" % number, size_bytes=1))
        cancels = dice.random() < self.world.faults.cancel
        for data in plans:
            chunk = api.PutPlanRequest(chunk=data, caller=CALLER)
            await self.asked(lambda stub, one=chunk: stub.PutPlan(iter([one])))
        await self.submit(request)
        if self.world.faults.repairs:
            self.busy += 1
            self.life.spawn(self._repaired(request))
        if cancels:
            await asyncio.sleep(dice.choice(CANCELS_AFTER_S) * dice.random() * 2)
            cancel = api.CancelRequest(run_id=run_id, caller=CALLER)
            await self.asked(lambda stub: stub.Cancel(cancel, timeout=TIMEOUT_S))
            self.world.note(self.name, f"run {number}: cancelled")
            self.cancelled.append(run_id)
        self.busy -= 1

    async def submit(self, request: api.SubmitRequest) -> None:
        """Submit, and let somebody answer what the run will wait for."""
        await self.asked(lambda stub: stub.Submit(request, timeout=TIMEOUT_S))
        self.world.note(self.name, f"run {request.run_id[-1]}: submitted")
        self.submitted.append(request.run_id)
        self.signal_all(request.run_id, request.plan)

    def hear(self, event: ev.Event) -> None:
        """Let somebody answer what a child run will wait for, which nobody submits, nor lets go on, but its parent."""
        if event.HasField("run_submitted") and event.run_submitted.parent_run_id:
            self.children[event.run_id] = event.run_submitted.plan
        elif not event.HasField("run_reopened") or event.run_id not in self.children:
            return
        self.signal_all(event.run_id, self.children[event.run_id])

    def signal_all(self, run_id: bytes, plan: bytes) -> None:
        graph = self.world.plans[plan]
        for node, wait in graph.waits.items():
            if wait.is_signal:
                self.life.spawn(self._signal(run_id, graph.names[node]))

    async def _repaired(self, request: api.SubmitRequest) -> None:
        await repair(self, request)
        self.busy -= 1

    async def _signal(self, run_id: bytes, name: str) -> None:
        """Send a signal some time, and after its answer another one, which must be refused."""
        dice = self.world.waits_dice
        await asyncio.sleep(dice.choice(SIGNALS_AFTER_S))
        value = Value(codec="json", inline=dice.choice((b"true", b"false")))
        for number in range(2):
            request = api.SignalRequest(run_id=run_id, name=name, value=value, caller=CALLER, id=b"%016d" % number)
            answer = await self.asked(
                lambda stub, one=request: stub.Signal(one, timeout=TIMEOUT_S),
                final=(grpc.StatusCode.ABORTED,),
            )
            if answer is None:
                return
            self.world.note(self.name, f"run {run_id[-1]}: signal {name} was taken")
            if number and not self._went_on(run_id):  # its wait may begin again
                self.world.fail("", Violation(f"a second signal {name} was taken"))
            self.signalled.append((run_id, name))

    def _went_on(self, run_id: bytes) -> bool:
        log = self.world.tables.logs[shard_of(run_id, self.world.shards)]
        return any(record.event.run_id == run_id and record.event.HasField("run_reopened") for record in log)

    async def states(self) -> dict[bytes, int]:
        """Ask for the state of each run that was submitted."""
        states: dict[bytes, int] = {}
        for run_id in self.submitted:
            request = api.GetRunRequest(run_id=run_id)
            states[run_id] = (await self.asked(lambda stub, one=request: stub.GetRun(one, timeout=TIMEOUT_S))).run.state
        return states

    async def asked(
        self,
        ask: Callable[[Any], Awaitable[Any]],
        final: Sequence[grpc.StatusCode] = (),
        *,
        is_refusable: bool = False,
    ) -> Any:
        """Ask one State Tracker after another until one answers; None if it refuses with a final status.

        `is_refusable`: also if it refuses for the sake of the run itself.
        """
        while True:
            channel = self.world.network.channel(self.world.dice.choice(self.world.tracker_addresses))
            stub = service_pb2_grpc.StateTrackerServiceStub(channel)  # type: ignore[no-untyped-call]
            try:
                return await ask(stub)
            except grpc.aio.AioRpcError as error:
                if error.code() in final or (is_refusable and (error.details() or "").startswith("run ")):
                    return None
                if error.code() not in PATIENCE:
                    self.world.fail(
                        f"a client was told {error.code().name}: {error.details()}", Violation(error.details())
                    )
                    raise
            await asyncio.sleep(ASK_AGAIN_S)
