"""The registry put together: its database, its log, its API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from penstock_access.principal import EVERYBODYS
from penstock_proto.access.v1 import service_pb2 as access_pb2
from penstock_proto.access.v1 import service_pb2_grpc as access_grpc
from penstock_proto.registry.v1 import service_pb2, service_pb2_grpc
from penstock_proto.registry.v1.events_pb2 import EntryKind
from penstock_service import grpc_server
from penstock_service.database import LOOKING, Database, Limits
from penstock_service.errors import DatabaseAway, DatabaseBusy
from penstock_service.migrations import migrate, packaged
from penstock_service.state_trackers import deployment_of

from . import measures
from .api.service import RegistryService
from .authority.audit import Audit
from .authority.issuing import Issuer
from .authority.service import AuthorityService, People
from .plans import Plans
from .publication import Broker, Publication
from .store import names as stored
from .store.log import Log

SCHEMA: Final = "penstock_registry"
# Writers take turns anyway; a second connection stands by where one has just broken.
WRITING: Final = Limits(connections_max=2, waiting_max=200)
LOOK_EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


class Registry:
    """One registry. Any number may share a database: each change locks the end of the log.

    Args:
        state_trackers: HOST:PORT of each.
        is_authority: It issues access tokens.
        people: How people sign in; None: only API tokens are known.
        broker: Where the log is published; None: nowhere.
    """

    def __init__(
        self,
        database_url: str,
        state_trackers: Sequence[str],
        *,
        is_authority: bool = False,
        people: People | None = None,
        broker: Broker | None = None,
    ) -> None:
        self._url = database_url
        self._writing, self._reading = Database(database_url, WRITING), Database(database_url, LOOKING)
        self.log = Log(self._writing, self._reading)
        self._plans = Plans(state_trackers)
        self._service = RegistryService(self.log, self._reading, self._plans)
        self._state_trackers, self._is_authority = state_trackers, is_authority
        self._people = people
        self._publication = broker and Publication(self.log, database_url, broker, self._deployment_id)
        self._deployment = ""
        self._stops = AsyncExitStack()
        self._is_up = False

    @property
    def is_ready(self) -> bool:
        """Whether the database responded lately."""
        return self._is_up

    async def start(self) -> None:
        """Bring the tables up to this version; raises what Postgres raises while it is unavailable, or DatabaseAway."""
        await self._stops.aclose()  # of an attempt that failed
        await migrate(self._url, packaged("penstock_registry"), schema=SCHEMA)
        for database in (self._writing, self._reading):
            self._stops.push_async_callback(database.close)
            await database.open()
        await self.log.head()
        self._is_up = True
        self._stops.callback(measures.watch(lambda: self._is_up, lambda: self._service.followers))
        if self._publication is not None:
            self._stops.push_async_callback(self._publication.stop)
            await self._publication.start()
        looking = asyncio.create_task(self._look(), name="registry")
        self._stops.push_async_callback(_end, looking)

    async def stop(self) -> None:
        """Harmless when repeated."""
        await self._stops.aclose()
        await self._plans.close()

    def register(self, server: grpc_server.Server) -> None:
        """Serve the API; errors derive from RegistryError."""
        generated: Any = service_pb2_grpc
        generated.add_RegistryServiceServicer_to_server(self._service, server.grpc)
        server.serves(service_pb2.DESCRIPTOR.services_by_name["RegistryService"].full_name)
        if self._is_authority:
            audit = Audit(self._writing)
            self.issuer = Issuer(self._writing, audit, self._deployment_id)
            self._stops.callback(measures.watch_key(lambda: self.issuer.signing_since_us))
            generated_access: Any = access_grpc
            service = AuthorityService(self._writing, self.issuer, audit, self._people)
            generated_access.add_AuthorityServiceServicer_to_server(service, server.grpc)
            server.serves(access_pb2.DESCRIPTOR.services_by_name["AuthorityService"].full_name)

    async def team_of(self, request: Any) -> str | None:
        """Return the team of the name that a request is about; None if it does not exist. Types are everybody's."""
        ref = request.ref if "ref" in request.DESCRIPTOR.fields_by_name else request
        if ref.kind == EntryKind.ENTRY_KIND_TYPE:
            return EVERYBODYS
        return await stored.team_of(self._reading, ref.name, ref.kind)

    async def _deployment_id(self) -> str:
        if not self._deployment:
            self._deployment = (await deployment_of(self._state_trackers)).deployment_id
        return self._deployment

    async def _look(self) -> None:
        """See what other registries have appended, and whether the database responds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.log.head()
                why = ""
            except (DatabaseAway, DatabaseBusy) as error:
                why = str(error)
            if self._is_up == bool(why):
                self._is_up = not why
                log.warning("%s", why or "the database is available again")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
