"""All three services over one Postgres, and workers that do as they are told: for tests of the shell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from penstock_action_service.app import ActionService
from penstock_action_service.errors import SessionClosed
from penstock_dependency_manager import DependencyManager
from penstock_proto.action_service.v1.worker_pb2 import Grant, Orders, Register
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Value
from penstock_service import grpc_server
from penstock_stream.local import LocalStream
from penstock_stream.stream import Stream

from tests.state_tracker.running import SHARDS, Running, running
from tests.waiting import WAIT_S


class World:
    """A State Tracker, a Dependency Manager, and Action Services as a test wants them."""

    def __init__(self, tracker: Running, manager_address: str, database_url: str) -> None:
        self.tracker = tracker
        self.manager_address = manager_address
        self.database_url = database_url

    @asynccontextmanager
    async def manager_that_stands_still(self) -> AsyncGenerator[StandingStill]:
        """Run another Dependency Manager, which knows the logs as they are now and hears nothing more."""
        manager = DependencyManager(LocalStream(), [self.tracker.server.address], range(SHARDS))
        server = grpc_server.server()
        manager.register(server)
        await server.start()
        await manager.start()
        await manager.wait_loaded()
        standing = StandingStill(manager, server.address)
        try:
            yield standing
        finally:
            await server.stop(0)
            await manager.stop()

    @asynccontextmanager
    async def action_service(
        self, owner: str = "as-1", dependency_managers: Sequence[str] = (), **options: Any
    ) -> AsyncGenerator[ActionService]:
        """Run an Action Service with its server until the block ends."""
        service = ActionService(
            self.tracker.stream,
            state_trackers=[self.tracker.server.address],
            dependency_managers=dependency_managers or [self.manager_address],
            shards=range(SHARDS),
            database_url=self.database_url,
            owner=owner,
            **({"worker_lease_s": 60.0} | options),  # most workers here send no heartbeats
        )
        server = grpc_server.server()
        service.register(server)
        await server.start()
        service.address = server.address
        await service.start()
        try:
            yield service
        finally:
            await service.stop()
            await server.stop(0)

    async def run(self, plan: bytes, **inputs: str) -> bytes:
        """Submit a run of a plan."""
        await self.tracker.put(plan)
        return (await self.tracker.submit(plan, **inputs)).run_id

    async def state(self, run_id: bytes) -> int:
        """Return the state of a run once it has ended."""
        async with asyncio.timeout(WAIT_S):
            await self.tracker.events(run_id, follow=True)
        return (await self.tracker.get(run_id)).state


@asynccontextmanager
async def world(database_url: str, stream: Stream | None = None) -> AsyncGenerator[World]:
    """Run a State Tracker and a Dependency Manager until the block ends, over the local stream or the one given."""
    async with running(database_url, stream=stream) as tracker:
        manager = DependencyManager(tracker.stream, [tracker.server.address], range(SHARDS))
        server = grpc_server.server()
        manager.register(server)
        await server.start()
        await manager.start()
        try:
            yield World(tracker, server.address, database_url)
        finally:
            await server.stop(0)
            await manager.stop()


class StandingStill:
    """A Dependency Manager that does not ask for news until `go_on`."""

    def __init__(self, manager: DependencyManager, address: str) -> None:
        self.address = address
        self._follower = manager._follower
        for poll in self._follower._polls:
            poll.cancel()

    def go_on(self) -> None:
        follower = self._follower
        asked = zip(follower._upstreams, follower._ask_now, strict=True)
        follower._polls = [asyncio.create_task(follower._poll(*each)) for each in asked]


class FakeWorker:
    """A worker without executor: by itself it ends each action at once, the result being the number of its node."""

    def __init__(self, name: str = "w1", cpus: int = 2, *, holds: Callable[[Grant], bool] | None = None) -> None:
        self.name, self.incarnation, self.host = name, "1", "here:11"
        self.capacity = Resources(cpu_milli=1000 * cpus)
        self.holds = holds or (lambda grant: False)
        self.held: dict[int, Grant] = {}  # executing, for as long as the test wants
        self.unrecorded: dict[int, Report] = {}
        self.grants: list[Grant] = []
        self.stopped: list[int] = []
        self.orders = 0
        self.closed = asyncio.Event()
        self.session: Any = None

    def register(self, pool: str = "") -> Register:
        return Register(
            worker=self.name,
            incarnation=self.incarnation,
            pool=pool,
            capacity=self.capacity,
            held=self.held.values(),
            host=self.host,
        )

    def connect(self, service: ActionService) -> None:
        """Connect within this process."""
        self.closed.clear()
        self.session = service.connect(self.register(), self.take, self.closed.set)
        self.session.reports(list(self.unrecorded.values()))

    @asynccontextmanager
    async def alive(self, service: ActionService) -> AsyncGenerator[None]:
        """Send heartbeats, and connect again where that is needed, until the block ends."""
        beating = asyncio.create_task(self._beat(service))
        yield
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, service: ActionService) -> None:
        while True:
            try:
                self.session.heartbeat()
            except SessionClosed:
                self.connect(service)
            await asyncio.sleep(0.02)

    def take(self, orders: Orders) -> None:
        reports = self.carry_out(orders)
        if reports:
            self.session.reports(reports)

    def carry_out(self, orders: Orders) -> list[Report]:
        """Return what there is to be reported after orders."""
        self.orders += 1
        reports: list[Report] = []
        for grant in orders.recorded:
            self.unrecorded.pop(grant, None)
        for number in orders.stop:
            self.stopped.append(number)
            if (grant := self.held.pop(number, None)) is not None:
                report = about(grant, self.name)
                report.failed.cause = CAUSE_CANCELLED
                reports.append(report)
        for grant in orders.grants:
            self.grants.append(grant)
            if self.holds(grant):
                self.held[grant.grant] = grant
            else:
                reports.append(succeeded(grant, self.name))
        self.unrecorded.update({report.grant: report for report in reports})
        return reports

    def finish(self, grant: int) -> None:
        report = succeeded(self.held.pop(grant), self.name)
        self.unrecorded[grant] = report
        self.session.reports([report])


@asynccontextmanager
async def connected(worker: FakeWorker, service: ActionService) -> AsyncGenerator[None]:
    """Connect a worker, and send heartbeats until the block ends."""
    worker.connect(service)
    async with worker.alive(service):
        yield


def about(grant: Grant, worker: str) -> Report:
    return Report(run_id=grant.run_id, node=grant.node, attempt=grant.attempt, grant=grant.grant, worker=worker)


def succeeded(grant: Grant, worker: str) -> Report:
    report = about(grant, worker)
    report.succeeded.outputs.values.append(Value(codec="json", inline=str(grant.node).encode(), size_bytes=1))
    report.succeeded.duration_us = 30
    return report


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fail if it does not in time."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.01)
