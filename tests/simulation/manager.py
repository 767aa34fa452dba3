"""A simulated Dependency Manager: the real core, consumer and follower."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from penstock_dependency_manager.errors import TooLongAgo
from penstock_dependency_manager.unlocker import Unlocker
from penstock_plan.graph import PlanGraph
from penstock_stream.errors import OutOfRange
from penstock_stream.follower import Follower, Head, Snapshot
from penstock_stream.stream import EVENTS
from penstock_stream.upstreams import event_span

from .calls import Refused
from .process import Process
from .tracker import Answer

if TYPE_CHECKING:
    from .world import World

FETCH_S = 0.005


class Manager(Process):
    """Follows every shard; the Action Service follows it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world)
        self.name = name

    def started(self) -> None:
        world = self.world
        self.plans = Plans(world)
        stream = world.stream.of(self)
        self.unlocker = Unlocker(stream, self.plans, lambda shard: self.follower.resume(shard), lambda: self.world.now)
        self.follower = Follower(
            stream=stream,
            topic=EVENTS,
            upstreams=[Upstream(world, tracker) for tracker in world.trackers],
            shards=range(world.shards),
            span=event_span,
            consumer=Guarded(self, self.unlocker),
        )
        world.spawn(self.follower.start())

    def stopped(self) -> None:
        self.world.spawn(self.follower.stop())
        self.world.spawn(self.unlocker.stop())

    def heads(self, answer: Answer) -> None:
        answer([Head(shard, graph.epoch, graph.seq) for shard, graph in self.unlocker.graphs.items()])

    def read(self, shard: int, after_seq: int, answer: Answer) -> None:
        if shard not in self.unlocker.graphs:
            answer(Refused("not loaded"))
            return
        try:
            answer(self.unlocker.recent.after(shard, after_seq))
        except TooLongAgo as error:
            answer(Refused(OutOfRange(str(error))))

    def snapshot(self, shard: int, answer: Answer) -> None:
        graph = self.unlocker.graphs.get(shard)
        if graph is None:
            answer(Refused("not loaded"))
        else:
            answer(Snapshot(shard, graph.epoch, graph.seq, list(graph.starts(self.world.now))))


class Plans(dict[bytes, PlanGraph]):
    """Plans that a Dependency Manager has fetched in this life."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @property
    def graphs(self) -> Plans:
        return self

    @asynccontextmanager
    async def held(self, hashes: Collection[bytes]) -> AsyncGenerator[None]:
        for plan_hash in hashes:
            if plan_hash not in self:
                await asyncio.sleep(self._world.dice.expovariate(1 / FETCH_S))
                self[plan_hash] = self._world.plans[plan_hash]
        yield


class Guarded:
    """A consumer whose mistakes end the simulation, and whose process may crash after any of its steps."""

    def __init__(self, process: Process, consumer: Any) -> None:
        self._process, self._consumer, self._life = process, consumer, process.life

    def apply(self, batch: Any, after_seq: int) -> bool:
        return self.do("apply", batch, after_seq)

    async def load(self, snapshot: Snapshot) -> None:
        loading = self.do("load", snapshot)
        if loading is not None:
            await loading

    def flush(self) -> None:
        self.do("flush")

    def do(self, name: str, *args: Any) -> Any:
        step, process = getattr(self._consumer, name), self._process
        if process.life != self._life:
            return None  # its tasks have not all ended yet
        if process.world.crashes_here():
            process.world.loop.call_soon(process.crash)
        try:
            return step(*args)
        except Exception as error:
            process.world.fail(f"{process.name}: {type(error).__name__}: {error}", error)
            raise


class Upstream:
    """One process that a follower reads from."""

    def __init__(self, world: World, server: Any) -> None:
        self._world, self._server = world, server
        self.address = server.name

    async def heads(self) -> Sequence[Head]:
        return await self._world.calls.ask(self._server, self._server.heads)

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[Any]:
        for batch in await self._world.calls.ask(self._server, self._server.read, shard, after_seq):
            yield batch
            await asyncio.sleep(0)

    async def snapshot(self, shard: int) -> Snapshot:
        return await self._world.calls.ask(self._server, self._server.snapshot, shard)
