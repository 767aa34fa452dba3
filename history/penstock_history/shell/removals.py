"""Which runs were removed from the log, as the State Trackers say: removing leaves no event to follow."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

import grpc.aio
from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc

ASKED_EVERY_S: Final = 1.0
ASK_MAX_S: Final = 10.0
# A removal is dated before it is committed: it may become visible later than a younger one.
OVERLAP_US: Final = 60_000_000
AT_ONCE: Final = 1_000

log = logging.getLogger(__name__)


class Removals:
    """Asks again and again, and gathers what is new until it is taken.

    Args:
        known_us: Up to when removals are known.
    """

    def __init__(self, channels: Sequence[grpc.aio.Channel], known_us: int) -> None:
        self._stubs: list[Any] = [service_pb2_grpc.StateTrackerServiceStub(channel) for channel in channels]
        self._known_us = known_us
        # When each of the last ones was removed.
        self._seen: dict[bytes, int] = {}
        self._new: list[bytes] = []

    def take(self) -> tuple[list[bytes], int]:
        """Return what is new, and up to when removals are known with it."""
        new, self._new = self._new, []
        return new, self._known_us

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await self._ask()
            except grpc.aio.AioRpcError as error:
                log.info("cannot ask which runs were removed, retrying: %s", error.details())
            await asyncio.sleep(ASKED_EVERY_S)

    async def _ask(self) -> None:
        """Read the removals since shortly before those that are known."""
        began_us = from_us = max(0, self._known_us - OVERLAP_US)
        known_us, is_whole = self._known_us, True
        while True:
            found = await self._found(service_pb2.ListRemovedRequest(from_us=from_us, limit=AT_ONCE))
            is_whole = is_whole and not found.databases_away
            for one in found.runs:
                if one.run_id not in self._seen:
                    self._new.append(one.run_id)
                self._seen[one.run_id] = one.removed_at_us
                known_us = max(known_us, one.removed_at_us)
            if len(found.runs) < AT_ONCE:
                break
            from_us = max(from_us + 1, known_us)
        if is_whole:  # else those of a database that is away are still to come
            self._known_us = known_us
        self._seen = {run_id: at for run_id, at in self._seen.items() if at >= began_us}

    async def _found(self, request: service_pb2.ListRemovedRequest) -> service_pb2.ListRemovedResponse:
        for stub in self._stubs[:-1]:
            try:
                return await stub.ListRemoved(request, timeout=ASK_MAX_S)
            except grpc.aio.AioRpcError:
                continue
        return await self._stubs[-1].ListRemoved(request, timeout=ASK_MAX_S)
