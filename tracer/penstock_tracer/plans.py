"""The plans that runs follow, read from the State Tracker: names of nodes, and who waits for whom."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import grpc.aio
from penstock_plan.graph import PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_service.state_trackers import read_plan

from .errors import PlanNotRead

# Open runs hold theirs beside these.
PLANS_MAX: Final = 256
FETCH_TIMEOUT_S: Final = 60.0
AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


class Plans(dict[bytes, PlanGraph]):
    """The latest plans by hash."""

    def __init__(self, channels: Sequence[grpc.aio.Channel]) -> None:
        super().__init__()
        self._stubs: list[Any] = [service_pb2_grpc.StateTrackerServiceStub(channel) for channel in channels]

    async def have(self, plan_hash: bytes) -> None:
        """Return once the plan is here, or once it is known that there is no such plan."""
        said = False
        while plan_hash not in self:
            try:
                graph = await self._fetch(plan_hash)
            except PlanNotRead as error:
                if not said:
                    log.warning("%s; retrying", error)
                said = True
                await asyncio.sleep(AGAIN_S)
                continue
            if graph is None:
                log.warning("plan %s is missing; the spans of its runs have no names", plan_hash.hex())
                return
            while len(self) >= PLANS_MAX:
                del self[next(iter(self))]
            self[plan_hash] = graph

    async def _fetch(self, plan_hash: bytes) -> PlanGraph | None:
        problems: list[str] = []
        for stub in self._stubs:
            try:
                data = await read_plan(stub, plan_hash, FETCH_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return None
                problems.append(f"{error.code().name}: {error.details()}")
            else:
                # Plans are large, and in one process with other services the loop is theirs, too.
                return await asyncio.to_thread(_graph, data, plan_hash)
        raise PlanNotRead(plan_hash, "; ".join(problems) or "no State Tracker is configured")


def _graph(data: bytes, plan_hash: bytes) -> PlanGraph:
    return PlanGraph.of(plan_pb2.Plan.FromString(data), plan_hash)
