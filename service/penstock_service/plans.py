"""The plans that runs follow, read from the State Trackers and remembered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import grpc.aio
from penstock_proto.state_tracker.v1 import service_pb2_grpc

from .errors import PlanNotRead
from .state_trackers import read_plan

T = TypeVar("T")

# Open runs hold theirs beside these.
PLANS_MAX: Final = 256
FETCH_TIMEOUT_S: Final = 60.0
AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


class Plans(dict[bytes, T], Generic[T]):
    """What was made of the latest plans, by hash.

    Args:
        channels: To each State Tracker.
        made: What to make of a plan's bytes and hash; called in a thread.
    """

    def __init__(self, channels: Sequence[grpc.aio.Channel], made: Callable[[bytes, bytes], T]) -> None:
        super().__init__()
        self._made = made
        self._stubs: list[Any] = [service_pb2_grpc.StateTrackerServiceStub(channel) for channel in channels]

    async def have(self, plan_hash: bytes) -> None:
        """Return once the plan is here, or once it is known that there is no such plan."""
        said = False
        while plan_hash not in self:
            try:
                found = await self._fetch(plan_hash)
            except PlanNotRead as error:
                if not said:
                    log.warning("%s; retrying", error)
                said = True
                await asyncio.sleep(AGAIN_S)
                continue
            if found is None:
                log.warning("plan %s is missing; its nodes have no names", plan_hash.hex())
                return
            while len(self) >= PLANS_MAX:
                del self[next(iter(self))]
            self[plan_hash] = found

    async def _fetch(self, plan_hash: bytes) -> T | None:
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
                return await asyncio.to_thread(self._made, data, plan_hash)
        raise PlanNotRead(plan_hash, "; ".join(problems) or "no State Tracker is configured")
