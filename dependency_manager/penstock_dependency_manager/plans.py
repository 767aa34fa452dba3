"""The plans that open runs follow, read from the State Tracker when the log first names them."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_service.state_trackers import read_plan

from .errors import PlanNotRead

PLANS_MAX = 1024
# Larger ones are parsed in a thread: the event loop has other shards to serve.
PARSED_HERE_BYTES_MAX = 256 * 1024
FETCH_TIMEOUT_S = 60.0
FETCHES_AT_ONCE = 8
BACKOFF_MIN_S = 0.05
BACKOFF_MAX_S = 1.0

log = logging.getLogger(__name__)


class Plans(dict[bytes, PlanGraph]):
    """Plans by hash. Those of open runs stay; of the others, the latest `PLANS_MAX`."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], in_use: Callable[[], set[bytes]]) -> None:
        super().__init__()
        self._stubs: list[Any] = [service_pb2_grpc.StateTrackerServiceStub(channel) for channel in channels]
        self._in_use = in_use
        self._held: Counter[bytes] = Counter()
        self._fetching: dict[bytes, asyncio.Task[None]] = {}
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)

    @property
    def graphs(self) -> Mapping[bytes, PlanGraph]:
        return self

    @asynccontextmanager
    async def hold(self, hashes: Collection[bytes]) -> AsyncGenerator[None]:
        """Have these plans here until the block ends; waits for the State Tracker as long as it takes."""
        self._held.update(hashes)
        try:
            await asyncio.gather(*(self._wait_present(plan_hash) for plan_hash in hashes))
            yield
        finally:
            self._held.subtract(hashes)
            self._held += Counter()  # without those that are at zero

    async def stop(self) -> None:
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_present(self, plan_hash: bytes) -> None:
        while plan_hash not in self:
            task = self._fetching.get(plan_hash)
            if task is None:
                task = self._fetching[plan_hash] = asyncio.create_task(self._fetch_while_held(plan_hash))
                task.add_done_callback(lambda _: self._fetching.pop(plan_hash, None))
            await asyncio.shield(task)

    async def _fetch_while_held(self, plan_hash: bytes) -> None:
        delay_s = BACKOFF_MIN_S
        while self._held[plan_hash]:
            try:
                async with self._fetches:
                    graph = await self._fetch(plan_hash)
                self._make_room()
                self[plan_hash] = graph
                return
            except Exception as error:
                log.warning("%s; retrying", error)
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, BACKOFF_MAX_S)

    async def _fetch(self, plan_hash: bytes) -> PlanGraph:
        problems: list[str] = []
        for stub in self._stubs:
            try:
                data = await read_plan(stub, plan_hash, FETCH_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                problems.append(f"{error.code().name}: {error.details()}")
            else:
                if len(data) <= PARSED_HERE_BYTES_MAX:
                    return graph_of(data, plan_hash)
                return await asyncio.to_thread(graph_of, data, plan_hash)
        raise PlanNotRead(plan_hash, "; ".join(problems) or "no State Tracker is configured")

    def _make_room(self) -> None:
        if len(self) < PLANS_MAX:
            return
        wanted = self._in_use() | self._held.keys()
        for plan_hash in self._oldest_half(wanted):
            del self[plan_hash]

    def _oldest_half(self, wanted: set[bytes]) -> Iterable[bytes]:
        """Forget many at once: to find those in use costs a look at every open run."""
        unused = [plan_hash for plan_hash in self if plan_hash not in wanted]
        return unused[: max(1, PLANS_MAX // 2)]


def graph_of(data: bytes, plan_hash: bytes) -> PlanGraph:
    """Return the plan as schedulers read it; raise PlanNotRead if the bytes are not of that hash."""
    if hashlib.sha256(data).digest() != plan_hash:
        raise PlanNotRead(plan_hash, "the bytes do not have this hash")
    return PlanGraph.of(plan_pb2.Plan.FromString(data), plan_hash)
