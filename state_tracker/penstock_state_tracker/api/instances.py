"""Commands about runs of any shard: decided here, or by the State Tracker that owns the shard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc
import grpc.aio
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_proto.wire import OWNER_TRAILER
from penstock_service import channels
from penstock_service.answers import Answer

from .reopenings import Reopenings
from .submissions import Submissions

CALL_S: Final = 10.0
STATUS_CODES: Final = {code.name: code.value[0] for code in grpc.StatusCode}


class Instances:
    """All State Trackers of the deployment, this one among them."""

    def __init__(self, submissions: Submissions, reopenings: Reopenings) -> None:
        self._submissions, self._reopenings = submissions, reopenings
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def submit_many(self, requests: Sequence[api.SubmitRequest]) -> list[api.SubmitOutcome]:
        """Start runs; one outcome for each request, in their order."""
        outcomes = list(map(outcome, await self._submissions.submit_many(requests)))
        elsewhere: dict[str, list[int]] = {}
        for index, each in enumerate(outcomes):
            if each.owner:
                elsewhere.setdefault(each.owner, []).append(index)
        asked = [self._submit_to(owner, [requests[each] for each in indexes]) for owner, indexes in elsewhere.items()]
        for indexes, answers in zip(elsewhere.values(), await asyncio.gather(*asked), strict=True):
            for index, answer in zip(indexes, answers, strict=True):
                outcomes[index] = answer
        return outcomes

    async def retry(self, run_id: bytes, caller: ev.Caller, parent: bytes) -> tuple[int, str]:
        """Let a run go on that a parent waits for again; return the gRPC status code, 0 if it does, and its text."""
        try:
            await self._reopenings.reopen(run_id, caller, parent)
        except Answer as refusal:
            if not (owner := dict(refusal.trailers).get(OWNER_TRAILER, "")):
                return STATUS_CODES[refusal.status], refusal.detail
        else:
            return 0, ""
        request = api.RetryRequest(run_id=run_id, caller=caller, parent_run_id=parent)
        try:
            await self._stub(owner).Retry(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            moved = any(name == OWNER_TRAILER for name, _ in error.trailing_metadata() or ())
            code = grpc.StatusCode.UNAVAILABLE if moved else error.code()
            return code.value[0], error.details() or code.name
        return 0, ""

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def _submit_to(self, owner: str, requests: Sequence[api.SubmitRequest]) -> Sequence[api.SubmitOutcome]:
        try:
            answer = await self._stub(owner).SubmitMany(api.SubmitManyRequest(requests=requests), timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            refused = api.SubmitOutcome(code=error.code().value[0], detail=error.details() or error.code().name)
            return [refused] * len(requests)
        return answer.outcomes

    def _stub(self, owner: str) -> Any:
        if owner not in self._channels:
            self._channels[owner] = channels.open_channel(owner)
        stub: Any = service_pb2_grpc.StateTrackerServiceStub(self._channels[owner])
        return stub


def outcome(of_submit: api.RunSummary | Answer) -> api.SubmitOutcome:
    """Return what SubmitMany answers about one request."""
    if isinstance(of_submit, api.RunSummary):
        return api.SubmitOutcome(run=of_submit)
    owner = dict(of_submit.trailers).get(OWNER_TRAILER, "")
    return api.SubmitOutcome(code=STATUS_CODES[of_submit.status], detail=of_submit.detail, owner=owner)
