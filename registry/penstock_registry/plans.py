"""Plans as the registry needs them: read from a State Tracker, which has checked them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc.aio
from penstock_plan import plan_hash
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.registry.v1.events_pb2 import Interface
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_service import channels
from penstock_service.state_trackers import read_plan

from .core.interface import Definition, definitions_of, interface_of
from .errors import PlanNotFound, TrackerAway

READ_MAX_S: Final = 20.0
# Plans that are read at once; each may have 64 MiB.
READS_MAX: Final = 2


class Plans:
    """Reads plans over one channel to each State Tracker."""

    def __init__(self, state_trackers: Sequence[str]) -> None:
        self._channels = [channels.open_channel(address) for address in state_trackers]
        self._reading = asyncio.Semaphore(READS_MAX)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def read(self, plan: bytes) -> tuple[Interface, list[Definition]]:
        """Return a plan's interface, and the classes that it speaks of.

        Raises:
            PlanNotFound: Every State Tracker has all plans, and one does not have this.
            TrackerAway: None responds.
            BadRequest: It is too large to be kept.
        """
        async with self._reading:
            data = await self._bytes(plan)
            return await asyncio.to_thread(_understood, data)

    async def _bytes(self, plan: bytes) -> bytes:
        trouble = "none is configured"
        for channel in self._channels:
            stub: Any = service_pb2_grpc.StateTrackerServiceStub(channel)
            try:
                data = await read_plan(stub, plan, READ_MAX_S)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    raise PlanNotFound(plan) from None
                trouble = error.details() or error.code().name
                continue
            if plan_hash(data) == plan:
                return data
            trouble = f"the bytes of plan {plan.hex()} have another hash"
        raise TrackerAway(f"no State Tracker has sent the plan: {trouble}")


def _understood(data: bytes) -> tuple[Interface, list[Definition]]:
    interface = interface_of(plan_pb2.Plan.FromString(data))
    return interface, definitions_of(interface)
