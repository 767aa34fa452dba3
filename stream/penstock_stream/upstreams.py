"""The upstream services that followers read from: the State Tracker and the Dependency Manager, over gRPC."""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc.aio
from penstock_proto.dependency_manager.v1 import service_pb2 as dependency_manager
from penstock_proto.dependency_manager.v1 import service_pb2_grpc as dependency_manager_grpc
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1 import service_pb2 as state_tracker
from penstock_proto.state_tracker.v1 import service_pb2_grpc as state_tracker_grpc
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch

from .errors import OutOfRange, UpstreamAway
from .follower import Head, Snapshot, Span
from .messages import Events

HEADS_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0


def event_span(batch: Events) -> Span:
    first = batch.from_seq
    return first - 1, first - 1 + len(batch.events)


def action_span(batch: ActionBatch) -> Span:
    return batch.from_seq, batch.to_seq


@contextmanager
def answers(address: str) -> Generator[None]:
    """Translate the failures of a call; what the service itself got wrong counts as away, too."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.OUT_OF_RANGE:
            raise OutOfRange(f"{address}: {error.details()}") from None
        raise UpstreamAway(f"{address} does not respond: {error.code().name}: {error.details()}") from None


class StateTrackerUpstream:
    """Reads `events` from one State Tracker."""

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self.address = address
        self._stub: Any = state_tracker_grpc.StateTrackerServiceStub(channel)

    async def heads(self) -> Sequence[Head]:
        with answers(self.address):
            response = await self._stub.Heads(state_tracker.HeadsRequest(), timeout=HEADS_TIMEOUT_S)
        return [Head(head.shard, head.epoch, head.seq) for head in response.heads]

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]:
        request = state_tracker.ReadRequest(shard=shard, from_seq=after_seq + 1)
        with answers(self.address):
            async for response in self._stub.Read(request, timeout=READ_TIMEOUT_S):
                yield response.batch

    async def snapshot(self, shard: int) -> Snapshot:
        with answers(self.address):
            call = self._stub.Snapshot(state_tracker.SnapshotRequest(shard=shard), timeout=READ_TIMEOUT_S)
            responses = [response async for response in call]
        return gathered(self.address, responses, [run for response in responses for run in response.runs])


class DependencyManagerUpstream:
    """Reads `actions` from one Dependency Manager."""

    def __init__(self, channel: grpc.aio.Channel, address: str) -> None:
        self.address = address
        self._stub: Any = dependency_manager_grpc.DependencyManagerServiceStub(channel)

    async def heads(self) -> Sequence[Head]:
        with answers(self.address):
            response = await self._stub.Heads(dependency_manager.HeadsRequest(), timeout=HEADS_TIMEOUT_S)
        return [Head(head.shard, head.epoch, head.seq) for head in response.heads]

    async def read(self, shard: int, after_seq: int) -> AsyncIterator[ActionBatch]:
        request = dependency_manager.ReadRequest(shard=shard, after_seq=after_seq)
        with answers(self.address):
            async for response in self._stub.Read(request, timeout=READ_TIMEOUT_S):
                yield response.batch

    async def snapshot(self, shard: int) -> Snapshot:
        with answers(self.address):
            call = self._stub.Snapshot(dependency_manager.SnapshotRequest(shard=shard), timeout=READ_TIMEOUT_S)
            responses = [response async for response in call]
        return gathered(self.address, responses, [start for response in responses for start in response.starts])


def gathered(address: str, responses: Sequence[Any], items: Sequence[Any]) -> Snapshot:
    """Put a snapshot together from the messages it came in."""
    if not responses:
        raise UpstreamAway(f"{address} answered with an empty snapshot")
    return Snapshot(responses[0].shard, responses[0].epoch, responses[0].seq, items)
