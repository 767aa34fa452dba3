"""The notifications service put together: one process writes the outbox, each empties it and answers."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

from penstock_proto.notifications.v1 import service_pb2, service_pb2_grpc
from penstock_service import channels, grpc_server
from penstock_service.database import LOOKING, Database
from penstock_service.migrations import migrate, packaged
from penstock_service.plans import Plans
from penstock_service.sole_writer import Turns
from penstock_stream.open_runs import Mark
from penstock_stream.stream import Stream
from penstock_stream.upstreams import StateTrackerUpstream

from . import measures
from .api.service import Service
from .settings import Sending
from .shell.intake import Intake, Names, node_names
from .shell.sender import Sender
from .shell.writer import Writer
from .targets.addresses import Resolve, resolve
from .targets.targets import Targets

SCHEMA: Final = "penstock_notifications"

log = logging.getLogger(__name__)


class Notifications:
    """One notifications service; several share a database, and one of them follows the logs.

    Args:
        database_url: Where the tables are, in a schema of their own.
        state_trackers: HOST:PORT of each.
        shards: Of the whole deployment.
        sending: How messages are sent.
        resolve: From the name of a host to its addresses.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        database_url: str,
        state_trackers: Sequence[str],
        shards: Collection[int],
        sending: Sending,
        resolve: Resolve = resolve,
    ) -> None:
        self._url, self._stream, self._shards = database_url, stream, shards
        self._channels = [channels.open_channel(address) for address in state_trackers]
        self._upstreams = [StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)]
        self._asked, self._sent = Database(database_url, LOOKING), Database(database_url)
        self._writer = Writer(database_url, sending.notify_retry_s)
        self._plans = Plans[Names](self._channels, node_names)
        self._targets = Targets(sending, resolve)
        self._sender = Sender(self._sent, self._targets, sending)
        self._sending = sending
        self._unwatch = measures.watch(self._sender.figures)
        self._intake: Intake | None = None
        self._turns = Turns()
        self._tasks: list[asyncio.Task[None]] = []

    def register(self, server: grpc_server.Server) -> None:
        """Add the API to a server."""
        service = Service(self._asked, self._targets, self._sending.notify_retry_s, self._sender.wake, self._lag)
        generated: Any = service_pb2_grpc
        generated.add_NotificationsServiceServicer_to_server(service, server.grpc)
        server.serves(service_pb2.DESCRIPTOR.services_by_name["NotificationsService"].full_name)

    async def start(self) -> None:
        """Bring the tables up to this version, and begin. Raises an error of Postgres, MigrationFailed."""
        await migrate(self._url, packaged("penstock_notifications"), SCHEMA)
        await self._asked.open()
        await self._sent.open()
        self._tasks = [
            asyncio.create_task(self._run(), name="notifications"),
            asyncio.create_task(self._sender.run(), name="notifications' sender"),
        ]

    @property
    def is_ready(self) -> bool:
        """Whether it answers, and every shard is followed by this process or by another one."""
        return self._turns.is_standing_by or (self._intake is not None and self._intake.is_loaded)

    async def stop(self) -> None:
        """What is not written or sent yet is, after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._unwatch()
        self._writer.release()
        await self._asked.close()
        await self._sent.close()
        for channel in self._channels:
            await channel.close()

    def _lag(self) -> int | None:
        return round(sum(lag for _, lag in self._intake.lag())) if self._intake is not None else None

    async def _run(self) -> None:
        """Write whenever no other process does."""
        await self._turns.take(self._writer.acquire, self._write, self._writer.release, "the outbox", log)

    async def _write(self, marks: dict[int, Mark]) -> None:
        self._intake = Intake(
            self._stream, self._upstreams, self._shards, self._plans, self._writer, marks, self._sender.wake
        )
        try:
            await self._intake.run()
        finally:
            self._intake = None
