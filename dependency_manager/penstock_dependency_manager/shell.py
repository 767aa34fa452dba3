"""The Dependency Manager's shell: its connections, and the order in which they start and stop."""

from collections.abc import Collection, Sequence
from typing import Any

from penstock_proto.dependency_manager.v1 import service_pb2_grpc
from penstock_service import channels, grpc_server
from penstock_stream.follower import Follower
from penstock_stream.messages import Events
from penstock_stream.stream import EVENTS, Stream
from penstock_stream.upstreams import StateTrackerUpstream, event_span

from .plans import Plans
from .service import Service
from .unlocker import Unlocker

SERVICE_NAME = "penstock.dependency_manager.v1.DependencyManagerService"


class DependencyManager:
    """Says what follows from the logs of some shards. Keeps no table and needs no lease: two of them agree."""

    def __init__(self, stream: Stream, state_trackers: Sequence[str], shards: Collection[int]) -> None:
        self._channels = [channels.open_channel(address) for address in state_trackers]
        self._plans = Plans(self._channels, lambda: self._unlocker.plans_in_use())
        self._unlocker = Unlocker(stream, self._plans, lambda shard: self._follower.resume(shard))
        self._follower = Follower[Events](
            stream=stream,
            topic=EVENTS,
            upstreams=[StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)],
            shards=shards,
            span=event_span,
            consumer=self._unlocker,
        )

    async def start(self) -> None:
        """Begin to follow; returns at once. `wait_loaded` returns when every shard has a state."""
        await self._follower.start()

    async def wait_loaded(self) -> None:
        await self._follower.wait_loaded()

    @property
    def is_ready(self) -> bool:
        """Whether every shard has a state."""
        return self._follower.is_loaded

    def register(self, server: grpc_server.Server) -> None:
        """Serve those who missed a part of `actions`; its errors derive from DependencyManagerError."""
        generated: Any = service_pb2_grpc
        service = Service(self._unlocker.graphs, self._unlocker.recent, self._unlocker.unpublished)
        generated.add_DependencyManagerServiceServicer_to_server(service, server.grpc)
        server.serves(SERVICE_NAME)

    async def stop(self) -> None:
        await self._follower.stop()
        await self._unlocker.stop()
        await self._plans.stop()
        for channel in self._channels:
            await channel.close()
