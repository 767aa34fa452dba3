"""Calls of every service to the State Trackers: the facts of the deployment, and the bytes of a plan."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio
from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc

from . import channels
from .errors import RunTeamUnknown

ASK_AGAIN_S: Final = 0.5
ASK_TIMEOUT_S: Final = 5.0

log = logging.getLogger(__name__)


async def deployment_of(state_trackers: Sequence[str]) -> service_pb2.InfoResponse:
    """Ask the State Trackers what the deployment is, until one answers."""
    waited = False
    while True:
        for address in state_trackers:
            async with channels.open_channel(address) as channel:
                stub: Any = service_pb2_grpc.StateTrackerServiceStub(channel)
                with suppress(grpc.aio.AioRpcError):
                    return await stub.Info(service_pb2.InfoRequest(), timeout=ASK_TIMEOUT_S)
        if not waited:
            log.info("no State Tracker responds yet: %s", ", ".join(state_trackers))
        waited = True
        await asyncio.sleep(ASK_AGAIN_S)


async def read_plan(stub: Any, plan_hash: bytes, timeout_s: float) -> bytes:
    """Return a plan's bytes from a State Tracker, by its stub; raise grpc.aio.AioRpcError."""
    call = stub.GetPlan(service_pb2.GetPlanRequest(plan=plan_hash), timeout=timeout_s)
    return b"".join([response.chunk async for response in call])


class RunTeams:
    """The teams of runs, for the access control of services that do not know them."""

    def __init__(self, state_trackers: Sequence[str]) -> None:
        self._channels = [channels.open_channel(address) for address in state_trackers]

    async def of(self, run_id: bytes) -> str | None:
        """Return the team of a run; None if there is no such run. Raises RunTeamUnknown."""
        why = "none is configured"
        for channel in self._channels:
            stub: Any = service_pb2_grpc.StateTrackerServiceStub(channel)
            try:
                answer = await stub.GetRun(service_pb2.GetRunRequest(run_id=run_id), timeout=ASK_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                    return None
                why = error.details() or error.code().name
            else:
                return answer.run.team
        raise RunTeamUnknown(why)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
