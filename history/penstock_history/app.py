"""The history service put together: one process writes the tables, each answers from them."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any, Final

from penstock_proto.history.v1 import service_pb2, service_pb2_grpc
from penstock_service import channels, grpc_server
from penstock_service.database import LOOKING, Database
from penstock_service.migrations import migrate, packaged
from penstock_service.plans import Plans
from penstock_service.sole_writer import Turns
from penstock_stream.open_runs import Mark
from penstock_stream.stream import Stream
from penstock_stream.upstreams import StateTrackerUpstream

from .api import lists
from .api.service import Service
from .shell.intake import Intake
from .shell.outline import Outline, outline
from .shell.removals import Removals
from .shell.writer import Writer

SCHEMA: Final = "penstock_history"

log = logging.getLogger(__name__)


class History:
    """One history service; several share a database, and one of them writes.

    Args:
        database_url: Where the tables are, in a schema of their own.
        state_trackers: HOST:PORT of each.
        shards: Of the whole deployment.
    """

    def __init__(
        self, stream: Stream, *, database_url: str, state_trackers: Sequence[str], shards: Collection[int]
    ) -> None:
        self._url, self._stream, self._shards = database_url, stream, shards
        self._channels = [channels.open_channel(address) for address in state_trackers]
        self._upstreams = [StateTrackerUpstream(c, a) for c, a in zip(self._channels, state_trackers, strict=True)]
        self._database = Database(database_url, LOOKING)
        self._writer = Writer(database_url)
        self._plans = Plans[Outline](self._channels, outline)
        self._intake: Intake | None = None
        self._turns = Turns()
        self._task: asyncio.Task[None] | None = None

    def register(self, server: grpc_server.Server) -> None:
        """Add the API to a server."""
        service = Service(self._url, self._database, self._plans, lambda: self._intake)
        generated: Any = service_pb2_grpc
        generated.add_HistoryServiceServicer_to_server(service, server.grpc)
        server.serves(service_pb2.DESCRIPTOR.services_by_name["HistoryService"].full_name)

    async def team_of(self, run_id: bytes) -> str | None:
        """Return the team of a run; None if there is no such run."""
        return await lists.team_of(self._database, run_id)

    async def start(self) -> None:
        """Bring the tables up to this version, and begin. Raises an error of Postgres, MigrationFailed."""
        await migrate(self._url, packaged("penstock_history"), SCHEMA)
        await self._database.open()
        self._task = asyncio.create_task(self._run(), name="history")

    @property
    def is_ready(self) -> bool:
        """Whether it answers, and every shard is followed by this process or by another one."""
        return self._turns.is_standing_by or (self._intake is not None and self._intake.is_loaded)

    async def stop(self) -> None:
        """What is not written yet is read again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._writer.release()
        await self._database.close()
        for channel in self._channels:
            await channel.close()

    async def _run(self) -> None:
        """Write whenever no other process does."""
        await self._turns.take(self._writer.acquire, self._write, self._writer.release, "the history", log)

    async def _write(self, marks: dict[int, Mark]) -> None:
        removals = Removals(self._channels, self._writer.removed_us)
        self._intake = Intake(self._stream, self._upstreams, self._shards, self._plans, self._writer, marks, removals)
        try:
            await self._intake.run()
        finally:
            self._intake = None
