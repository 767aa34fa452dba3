"""The State Trackers as a worker asks them, for plans and recorded values: each in turn, whichever answers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1.events_pb2 import RunState
from penstock_proto.value.v1.value_pb2 import Values
from penstock_service.state_trackers import read_plan

from .errors import NotRecorded, TrackersAway

PLAN_TIMEOUT_S: Final = 30.0
VALUES_TIMEOUT_S: Final = 10.0
# Positions in one call; fewer where their values are too large for an answer.
POSITIONS_MAX: Final = 2_000
ENDED: Final = frozenset({RunState.RUN_STATE_SUCCEEDED, RunState.RUN_STATE_FAILED, RunState.RUN_STATE_CANCELLED})
_grpc: Any = grpc

Answer = TypeVar("Answer")


class Trackers:
    """Some State Trackers; the one that answered last is asked first."""

    def __init__(self, channels: Mapping[str, Any]) -> None:
        """`channels` by address, in the order of asking."""
        generated: Any = service_pb2_grpc
        self._stubs = {address: generated.StateTrackerServiceStub(channel) for address, channel in channels.items()}

    async def info(self) -> tuple[str, api.InfoResponse]:
        """Return what the deployment says of itself, and who said it; raises TrackersAway."""
        return await self._ask(lambda stub: stub.Info(api.InfoRequest(), timeout=PLAN_TIMEOUT_S))

    async def plan(self, plan_hash: bytes) -> bytes:
        """Return a plan's bytes; raises TrackersAway, or NotRecorded if all of them answer that they do not have it."""
        _, data = await self._ask(lambda stub: read_plan(stub, plan_hash, PLAN_TIMEOUT_S))
        return data

    async def values(self, shard: int, seqs: Sequence[int]) -> dict[int, Values]:
        """Return what is recorded at positions of a shard's log; raises TrackersAway, NotRecorded."""
        found: dict[int, Values] = {}
        rest, at_once = list(dict.fromkeys(seqs)), POSITIONS_MAX
        while rest:
            now = rest[:at_once]
            request = api.ReadValuesRequest(positions=[api.ShardSeqs(shard=shard, seqs=now)])
            try:
                _, answer = await self._ask(_values_call(request))
            except TrackersAway as error:
                if not error.too_much or len(now) == 1:
                    raise
                at_once = len(now) // 2
                continue
            found.update((each.seq, each.values) for each in answer.values)
            if absent := next((seq for seq in now if seq not in found), None):
                raise NotRecorded(f"no value is recorded at position {absent} of shard {shard}")
            rest = rest[len(now) :]
        return found

    async def ended_runs(self, run_ids: Sequence[bytes]) -> set[bytes]:
        """Return those of some runs that have ended or do not exist; raises TrackersAway."""
        ended: set[bytes] = set()
        for run_id in run_ids:
            request = api.GetRunRequest(run_id=run_id)
            try:
                _, answer = await self._ask(_getting(request))
            except NotRecorded:
                ended.add(run_id)
            else:
                if answer.run.state in ENDED:
                    ended.add(run_id)
        return ended

    async def _ask(self, ask: Callable[[Any], Awaitable[Answer]]) -> tuple[str, Answer]:
        problems: list[str] = []
        codes: set[Any] = set()
        for address, stub in list(self._stubs.items()):
            try:
                answer = await ask(stub)
            except _grpc.aio.AioRpcError as error:
                codes.add(error.code())
                problems.append(f"{address}: {error.code().name}: {error.details()}")
                self._stubs[address] = self._stubs.pop(address)  # asked last from now on
            else:
                return address, answer
        text = "; ".join(problems) or "no State Tracker is configured"
        if codes == {_grpc.StatusCode.NOT_FOUND}:
            raise NotRecorded(text)
        raise TrackersAway(text, too_much=_grpc.StatusCode.RESOURCE_EXHAUSTED in codes)


def _values_call(request: api.ReadValuesRequest) -> Callable[[Any], Awaitable[api.ReadValuesResponse]]:
    return lambda stub: stub.ReadValues(request, timeout=VALUES_TIMEOUT_S)


def _getting(request: api.GetRunRequest) -> Callable[[Any], Awaitable[api.GetRunResponse]]:
    return lambda stub: stub.GetRun(request, timeout=VALUES_TIMEOUT_S)
