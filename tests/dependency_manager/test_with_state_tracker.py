"""With a real State Tracker on a real Postgres: a chain goes through, and a restart finds its place again."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from penstock_dependency_manager import DependencyManager
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_stream.stream import ACTIONS, Stream

from tests.state_tracker.running import SHARDS, Running, chain, new_id, running, succeeded
from tests.streams import MakeStream, connected
from tests.waiting import WAIT_S


class Ready:
    """The nodes that `actions` said may start, in the order of their arrival."""

    def __init__(self, stream: Stream) -> None:
        self.nodes: asyncio.Queue[int] = asyncio.Queue()
        stream.subscribe(ACTIONS, self._take)

    def _take(self, batches: Sequence[ActionBatch]) -> None:
        for instruction in (instruction for batch in batches for instruction in batch.instructions):
            if instruction.HasField("start"):
                self.nodes.put_nowait(instruction.start.node)

    async def next(self) -> int:
        return await asyncio.wait_for(self.nodes.get(), WAIT_S)


@asynccontextmanager
async def following(tracker: Running) -> AsyncGenerator[Ready]:
    ready = Ready(tracker.stream)
    manager = DependencyManager(tracker.stream, [tracker.server.address], range(SHARDS))
    await manager.start()
    try:
        await asyncio.wait_for(manager.wait_loaded(), WAIT_S)
        await connected(tracker.stream)
        yield ready
    finally:
        await manager.stop()


async def test_a_chain_is_unlocked_across_a_restart(database_url: str, make_stream: MakeStream) -> None:
    plan, run_id = chain(4), new_id()
    async with running(database_url, stream=make_stream(SHARDS)) as tracker:
        await tracker.put(plan)
        async with following(tracker) as ready:
            await tracker.submit(plan, run_id)
            assert await ready.next() == 0
            await tracker.report(succeeded(run_id, 0))
            assert await ready.next() == 1
        await tracker.report(succeeded(run_id, 1))
        async with following(tracker) as ready:  # node 2 is in its snapshot: it says only what is new
            await tracker.report(succeeded(run_id, 2))
            assert await ready.next() == 3
            await tracker.report(succeeded(run_id, 3))
            assert (await tracker.get(run_id)).last_seq > 0
