"""Calls to the State Trackers: values of the log, and reports that the stream may have lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc.aio
from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2_grpc
from penstock_proto.state_tracker.v1.reports_pb2 import ReportBatch
from penstock_proto.value.v1.value_pb2 import Values
from penstock_service import channels
from penstock_stream.errors import UpstreamAway
from penstock_stream.upstreams import StateTrackerUpstream

from ..errors import TrackerAway
from .values import Position

CALL_TIMEOUT_S = 5.0

log = logging.getLogger(__name__)


class Settled(NamedTuple):
    """What the log has recorded or knows better: grants, and by shard the position of the log that says so."""

    grants: set[int]
    seqs: dict[int, int]


class Trackers:
    """All State Trackers; which of them owns a shard is found by trying, and remembered."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._channels = [channels.open_channel(address) for address in addresses]
        self._upstreams = [StateTrackerUpstream(c, a) for c, a in zip(self._channels, addresses, strict=True)]
        generated: Any = service_pb2_grpc
        self._stubs: list[Any] = [generated.StateTrackerServiceStub(channel) for channel in self._channels]
        self._owner: dict[int, int] = {}  # index of the stub, by shard
        self._reader = 0

    async def read_values(self, positions: Sequence[Position]) -> tuple[dict[Position, Values], set[int]]:
        """Return what is recorded at these positions, and the shards that cannot be read now.

        What no log has is left out.

        Raises:
            TrackerAway: No answer; `too_large` says that fewer positions may help.
        """
        of_shard: dict[int, list[int]] = {}
        for shard, seq in positions:
            of_shard.setdefault(shard, []).append(seq)
        request = api.ReadValuesRequest(
            positions=[api.ShardSeqs(shard=shard, seqs=seqs) for shard, seqs in of_shard.items()], partial=True
        )
        stub = self._stubs[self._reader]
        try:
            response: api.ReadValuesResponse = await stub.ReadValues(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            too_large = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            if not too_large:
                self._reader = (self._reader + 1) % len(self._stubs)
            raise TrackerAway(f"{error.code().name}: {error.details()}", too_large=too_large) from None
        away = set(response.shards_away)
        if away:  # another State Tracker may reach their database
            self._reader = (self._reader + 1) % len(self._stubs)
        return {(found.shard, found.seq): found.values for found in response.values}, away

    async def heads(self) -> dict[int, int]:
        """Return the last position of each shard's log; shards of which no State Tracker speaks now are left out."""
        seqs: dict[int, int] = {}
        answers = await asyncio.gather(*(upstream.heads() for upstream in self._upstreams), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, UpstreamAway):
                log.debug("%s", answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                for head in answer:
                    seqs[head.shard] = max(head.seq, seqs.get(head.shard, 0))
        return seqs

    async def report(self, batches: Sequence[ReportBatch]) -> Settled:
        """Send reports; return which are settled."""
        of_stub: dict[int, list[ReportBatch]] = {}
        for batch in batches:
            of_stub.setdefault(self._owner.get(batch.shard, 0), []).append(batch)
        settled = Settled(set(), {})
        for index, of_one in of_stub.items():
            response = await self._report(index, of_one)
            answered = set(response.settled)
            for batch in of_one:
                if not any(report.grant in answered for report in batch.reports):
                    self._owner[batch.shard] = (index + 1) % len(self._stubs)
            settled.grants.update(answered)
            settled.seqs.update(response.seqs)
        return settled

    async def _report(self, index: int, batches: Sequence[ReportBatch]) -> api.ReportResponse:
        request = api.ReportRequest(batches=batches)
        try:
            return await self._stubs[index].Report(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            log.debug("the State Tracker rejected reports: %s: %s", error.code().name, error.details())
            return api.ReportResponse()

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()
