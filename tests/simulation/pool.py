"""A simulated Action Service: the real core of its pool, behind a simulated shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_action_service.core import Pool
from penstock_action_service.effects import Granted, Learnt, Publish, Resend, ToWorker
from penstock_eventlog.following import Follower, Snapshot
from penstock_eventlog.stream import ACTIONS, REPORTS
from penstock_eventlog.upstream import action_span
from penstock_proto.action_service.v1.worker_pb2 import Grant, NodeValues, Orders, Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch
from penstock_proto.value.v1.value_pb2 import Values

from .calls import Refused
from .manager import Guarded, Upstream
from .process import Process

if TYPE_CHECKING:
    from .worker import Link

TICK_S = 0.25
LEASE_S = 10.0


class PoolProcess(Process):
    """Grants to the workers of one pool, and tells the State Tracker what became of it."""

    name = "pool"

    def started(self) -> None:
        world = self.world
        world.database.pool_epoch += 1
        self.name = f"pool-{world.database.pool_epoch}"
        self.core = Pool("default", world.database.pool_epoch, lease_s=LEASE_S)
        self.links: dict[str, Link] = {}  # of registered workers
        self.connections: list[Link] = []
        self.values: dict[tuple[int, int], Values] = {}
        self.stream = world.stream.of(self)
        self.follower = Follower(
            stream=self.stream,
            topic=ACTIONS,
            upstreams=[Upstream(world, manager) for manager in world.managers],
            shards=range(world.shards),
            span=action_span,
            consumer=Guarded(self, self),
        )
        world.spawn(self.follower.start())
        world.spawn(self._tell_when_loaded(self.life))
        self.later(TICK_S, self._tick)

    def stopped(self) -> None:
        self.world.spawn(self.follower.stop())
        for link in self.connections:
            link.cut()

    def retire(self) -> None:
        """It has noticed that the pool has another owner, and ends for good."""
        self.world.note(self.name, "ends: the pool has another owner")
        self.up = False
        self.life += 1
        self.stopped()

    async def _tell_when_loaded(self, life: int) -> None:
        follower = self.follower
        await follower.loaded()
        if self.life == life:
            self.later(0, self._caught_up)

    def _caught_up(self) -> None:
        self.core.caught_up(self.world.now)
        self.flush()

    # What the follower calls

    def apply(self, batch: ActionBatch, after_seq: int) -> bool:
        self.core.actions(batch, self.world.now)
        return True

    def load(self, snapshot: Snapshot) -> None:
        self.core.snapshot(snapshot.shard, snapshot.seq, snapshot.items, self.world.now)

    def flush(self) -> None:
        """Do all that the core asks for."""
        for effect in self.core.take(self.world.now):
            match effect:
                case Learnt(shard, seq, report):
                    self.values[shard, seq] = report.succeeded.outputs
                case Publish(shard, reports):
                    self.stream.publish(REPORTS, [ReportBatch(shard=shard, reports=reports)])
                case Resend(shard, reports):
                    self._resend(shard, reports)
                case ToWorker():
                    self._order(effect)
        self.world.check_pool(self.core)

    def _resend(self, shard: int, reports: list[Report]) -> None:
        tracker = self.world.owner(shard)
        self.world.calls.send(
            tracker, tracker.report, shard, reports, answer=lambda result: self.later(0, self._settled, result)
        )

    def _settled(self, result: Any) -> None:
        if not isinstance(result, Refused):
            self.core.settled(result)
            self.flush()

    def _order(self, orders: ToWorker) -> None:
        link = self.links.get(orders.worker)
        if link is not None:
            grants = [self._filled(granted) for granted in orders.grants]
            link.to_worker(Orders(recorded=orders.recorded, stop=orders.stop, grants=grants))

    def _filled(self, granted: Granted) -> Grant:
        """Put the values into a grant: those that came by, else as the log has them."""
        start = granted.start
        grant = Grant(
            grant=granted.grant,
            run_id=start.run_id,
            node=start.node,
            attempt=start.attempt,
            plan=start.plan,
            bundle=start.bundle,
            resources=start.resources,
            timeout_s=start.timeout_s,
            operator=start.operator,
            team=start.team,
        )
        for ref in start.inputs:
            values = self.values.get((granted.shard, ref.seq))
            if values is None:
                values = self.world.recorded_values(granted.shard, ref.seq)
            grant.inputs.append(NodeValues(node=ref.node, values=values))
        self.world.granted(granted)
        return grant

    # What workers say

    def register(self, link: Link, register: Register) -> None:
        former = self.links.get(register.worker)
        if former is not None and former is not link:
            former.cut()
        self.links[register.worker] = link
        self.core.register(register, self.world.now)
        self.flush()

    def _speaks(self, link: Link) -> bool:
        """Whether it is the connection of a worker that is known; one that was given up has to register again."""
        name = link.worker.name
        if self.links.get(name) is link and all(worker.worker != name for worker in self.core.workers(self.world.now)):
            link.cut()
        return self.links.get(name) is link

    def heartbeat(self, link: Link) -> None:
        if self._speaks(link):
            self.core.heartbeat(link.worker.name, self.world.now)

    def reports(self, link: Link, reports: list[Report]) -> None:
        if self._speaks(link):
            self.core.reports(link.worker.name, reports, self.world.now)
            self.step()
            self.flush()

    def disconnected(self, link: Link) -> None:
        if self.links.get(link.worker.name) is link:
            del self.links[link.worker.name]
            self.core.disconnected(link.worker.name, self.world.now)
            self.flush()

    def _tick(self) -> None:
        self.core.tick(self.world.now)
        self.step()
        self.flush()
        self.later(TICK_S, self._tick)
