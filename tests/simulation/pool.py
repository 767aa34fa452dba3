"""A simulated Action Service: the real pool with its host and sessions; leases, links and calls are simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock_action_service.errors import NameTaken, SessionClosed, TrackerAway
from penstock_action_service.pool.effects import ToWorker
from penstock_action_service.shell.pool_host import PoolHost
from penstock_action_service.shell.sessions import Session
from penstock_action_service.shell.values import Position, ValueCache
from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch
from penstock_proto.value.v1.value_pb2 import Values
from penstock_stream.errors import UpstreamAway

from .manager import Guarded, Upstream
from .process import Process

if TYPE_CHECKING:
    from .worker import Link
    from .world import World

LEASE_S = 10.0


class PoolProcess(Process):
    """Owns the pool from its start until it crashes, or notices that another one does."""

    name = "pool"

    def started(self) -> None:
        world = self.world
        world.database.pool_epoch += 1
        self.name = f"pool-{world.database.pool_epoch}"
        self.sessions: dict[Link, Session] = {}
        self.connections: list[Link] = []
        self.host = Host(self, world.database.pool_epoch)
        self.follower = self.host._follower
        world.spawn(self.host.start())

    def stopped(self) -> None:
        self.world.spawn(self.host.stop())
        for link in self.connections:
            link.cut()

    def retire(self) -> None:
        """It has noticed that the pool has another owner, and ends for good."""
        self.world.note(self.name, "ends: the pool has another owner")
        self.up = False
        self.life += 1
        self.stopped()

    # What workers say

    def register(self, link: Link, register: Register) -> None:
        try:
            self.sessions[link] = self.host.connect(register, link.to_worker, link.cut)
        except NameTaken:  # the former life's connection seems to be open still: it tries again
            link.cut()

    def heartbeat(self, link: Link) -> None:
        self._say(link, lambda session: session.heartbeat())

    def reports(self, link: Link, reports: list[Report]) -> None:
        self._say(link, lambda session: session.reports(reports))
        self.step()

    def disconnected(self, link: Link) -> None:
        if (session := self.sessions.pop(link, None)) is not None:
            session.close()

    def _say(self, link: Link, say: Callable[[Session], None]) -> None:
        if (session := self.sessions.get(link)) is not None:
            try:
                say(session)
            except SessionClosed:
                link.cut()


class Host(PoolHost):
    """The product's, with its consumer's part guarded and its timers those of its process."""

    def __init__(self, process: PoolProcess, epoch: int) -> None:
        world = process.world
        super().__init__(
            "default",
            epoch,
            LEASE_S,
            {},
            world.stream.of(process),  # type: ignore[arg-type]
            [Upstream(world, manager) for manager in world.managers],  # type: ignore[list-item]
            range(world.shards),
            Trackers(world),  # type: ignore[arg-type]
            ValueCache(),
        )
        self._world = world
        self._loop = LoopOfProcess(process)  # type: ignore[assignment]
        self._guard = Guarded(process, super())

    def apply(self, batch: ActionBatch, after_seq: int) -> bool:
        return self._guard.apply(batch, after_seq)

    def load(self, snapshot: Any) -> None:
        self._guard.do("load", snapshot)

    def flush(self) -> None:
        self._guard.flush()
        self._world.check_pool(self.core)

    def _order(self, orders: ToWorker) -> None:
        for granted in orders.grants:
            self._world.granted(granted)
        super()._order(orders)


class LoopOfProcess:
    """The loop as code of one process uses it: nothing happens while the process stands still, or after its end."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def time(self) -> float:
        return self._process.world.now

    def call_soon(self, step: Callable[..., Any], *args: Any) -> Any:
        return self._process.later(0, step, *args)

    def call_later(self, delay_s: float, step: Callable[..., Any], *args: Any) -> Any:
        return self._process.later(delay_s, step, *args)


class Trackers:
    """The State Trackers as the Action Service calls them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owners = dict.fromkeys(range(world.shards), world.trackers[0])

    async def report(self, batches: Sequence[ReportBatch]) -> list[int]:
        """Ask whoever answered the last time; if it does not, the other next time."""
        settled: list[int] = []
        for batch in batches:
            tracker = self._owners[batch.shard]
            try:
                settled += await self._world.calls.ask(tracker, tracker.report, batch.shard, batch.reports)
            except UpstreamAway:
                self._owners[batch.shard] = self._world.other(tracker)
        return settled

    async def read_values(self, positions: Sequence[Position]) -> dict[Position, Values]:
        tracker = self._world.dice.choice(self._world.trackers)
        try:
            return await self._world.calls.ask(tracker, tracker.read_values, list(positions))
        except UpstreamAway as error:
            raise TrackerAway(str(error)) from None
