"""The State Tracker put together: databases, committers, owners, and the API over them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

from penstock_proto.state_tracker.v1 import service_pb2, service_pb2_grpc
from penstock_service import grpc_server
from penstock_service.database import LEASING, LOOKING, TROUBLE, Database
from penstock_service.errors import DatabaseAway
from penstock_service.migrations import migrate, packaged
from penstock_stream import stream as streams
from penstock_stream.stream import Stream, Subscription

from . import deployment as deployments
from . import measures
from .api import teams
from .api.child_runs import ChildRuns
from .api.diagnosis import Diagnosis
from .api.forks import Forks
from .api.instances import Instances
from .api.lookup import Lookup
from .api.reader import Reader
from .api.removals import Removals
from .api.reopenings import Reopenings
from .api.reports import Consumer
from .api.results import Results
from .api.service import StateTrackerService
from .api.submissions import Submissions
from .api.topic_source import PublishedSource
from .api.turns import Turns
from .api.values import Values
from .deployment import Deployment
from .errors import StateTrackerError
from .log.committer import Committer
from .log.recent import Recent
from .log.shard_state import Owned
from .ownership import leases
from .ownership.owner import Owner
from .ownership.routing import Routing
from .plans import Plans

STOP_GRACE_S: Final = 5.0
REJOIN_EVERY_S: Final = 1.0
MIGRATIONS: Final = "penstock_state_tracker"  # the package that they are in


log = logging.getLogger(__name__)


def _do_nothing() -> None:
    pass


async def prepare(database_urls: Sequence[str], shards: int | None = None, *, alone: bool = False) -> Deployment:
    """Bring the databases' schema up to date, and return what they are a part of; raises as `StateTracker.start`.

    Args:
        alone: The caller holds a lock which proves that no State Tracker of these databases runs: the leases of
            those that ran before end now.
    """
    databases = [Database(url) for url in database_urls]
    try:
        absent = await _open_all(databases)
        for position, database in enumerate(databases):
            if alone and position not in absent:
                await leases.vacate(database)
        return await deployments.create_or_get(databases, shards, absent)
    finally:
        await asyncio.gather(*(database.close() for database in databases))


async def _open_all(databases: Sequence[Database]) -> dict[int, Exception]:
    """Bring each database's schema up to date and connect to it; return those that are away, and why.

    Raises what the last one did if all are away.
    """
    absent: dict[int, Exception] = {}
    for position, outcome in enumerate(await asyncio.gather(*map(_open, databases), return_exceptions=True)):
        if isinstance(outcome, (*TROUBLE, DatabaseAway)):
            absent[position] = outcome
        elif outcome is not None:
            raise outcome
    if len(absent) == len(databases):
        raise absent[len(databases) - 1]
    for position in absent:
        await databases[position].open(connects=False)
    return absent


async def _open(database: Database) -> None:
    await migrate(database.url, packaged(MIGRATIONS))
    await database.open()


class StateTracker:
    """One State Tracker; several share the shards of the same databases.

    Args:
        database_urls: DSNs, in the same order for every State Tracker of a deployment.
        owner: A name for people and logs; what it owns follows from leases that each process has for itself.
        address: HOST:PORT at which others reach this one's gRPC server.
        shards: Of the deployment, at its creation; None takes what it was created with, or the default.
        artifact_folder: Told to clients on the same machine; may be empty.
        artifact_address: HOST:PORT of the artifact service; empty if it is this one's.
        action_services: HOST:PORT of each; told to clients, empty if it is this one's.
        registry_address, history_address, notifications_address: HOST:PORT of these services; told to clients, empty if
            it is this one's.
    """

    def __init__(
        self,
        database_urls: Sequence[str],
        stream: Stream,
        owner: str,
        address: str,
        shards: int | None = None,
        artifact_folder: str = "",
        artifact_address: str = "",
        action_services: Sequence[str] = (),
        registry_address: str = "",
        history_address: str = "",
        notifications_address: str = "",
    ) -> None:
        if not database_urls or not owner:
            raise StateTrackerError("a State Tracker needs at least one database and a name")
        self._databases = [Database(url) for url in database_urls]
        self._leasing = [Database(url, LEASING) for url in database_urls]
        self._looking = [Database(url, LOOKING) for url in database_urls]
        self._stream = stream
        self._owner = owner
        self._address = address
        self._shards = shards
        elsewhere = (registry_address, history_address, notifications_address)
        self._others = (artifact_folder, artifact_address, action_services, *elsewhere)
        self._recent = Recent()
        self._owners: list[Owner] = []
        self._committers: list[Committer] = []
        self._rejoining: list[asyncio.Task[None]] = []  # databases that were away at the start
        self._subscription: Subscription | None = None
        self._unregister: Callable[[], None] = _do_nothing
        self.owned: dict[int, Owned] = {}
        self.plans = Plans(self._databases, self._graphs_used)
        self.consumer: Consumer | None = None
        self.service: StateTrackerService | None = None
        self.child_runs: ChildRuns | None = None
        self._team_of: Callable[[bytes], Awaitable[str | None]] | None = None

    @property
    def committers(self) -> Sequence[Committer]:
        return self._committers

    @property
    def owners(self) -> Sequence[Owner]:
        return self._owners

    @property
    def is_ready(self) -> bool:
        """Whether a database answers; an instance that waits for shards to become free is ready, too."""
        if self.service is None or all(committer.away for committer in self._committers):
            return False
        away = {shard for one in self._owners if one.committer is None or one.committer.away for shard in one.shards}
        return all(owned.is_valid for shard, owned in self.owned.items() if shard not in away)

    @property
    def address(self) -> str:
        return self._address

    @address.setter
    def address(self, address: str) -> None:
        """Say where the server listens, where that is known only now; others hear of it with the next renewal."""
        self._address = address
        for owner in self._owners:
            owner.address = address

    async def start(self) -> None:
        """Bring the schema up to date, take shards and rebuild their state, then listen to reports.

        Raises:
            MigrationFailed, WrongDatabase: The databases do not fit this version or these settings.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        absent = await _open_all(self._databases)
        deployment = await deployments.create_or_get(self._databases, self._shards, absent)
        addresses: dict[int, str] = {}
        routing = Routing(deployment.shards, self.owned, addresses)
        lookups: dict[int, Lookup] = {}
        pools = zip(self._databases, self._leasing, self._looking, deployment.places, strict=True)
        for position, (database, leasing, looking, shards) in enumerate(pools):
            away = absent.get(position)
            await leasing.open(connects=away is None)
            await looking.open(connects=away is None)
            owner = Owner(database, leasing, shards, self.plans, self._owner, self._address, self.owned, addresses)
            committer = Committer(database.url, self._stream, self._recent, owner.note_lost)
            routing.add(shards, database, looking, committer)
            lookups.update(dict.fromkeys(shards, Lookup(database)))
            self._owners.append(owner)
            self._committers.append(committer)
            await committer.start("" if away is None else str(away) or type(away).__name__)
            if away is None:
                await owner.start(committer)
            else:
                log.error("database %d is away, its %d shards are not served: %s", position + 1, len(shards), away)
                rejoining = self._rejoin(position, deployment, routing, lookups)
                self._rejoining.append(asyncio.create_task(rejoining, name=f"database {position + 1}"))
        self._team_of = partial(teams.team_of, routing, lookups.__getitem__)
        values = Values(routing, self._recent)
        reader = Reader(routing, self._recent)
        forks = Forks(routing, lookups, values)
        self._stream.attach_source(PublishedSource(routing.databases, self.owned, reader))
        self.consumer = Consumer(routing)
        self._unregister = measures.register(
            deployment.shards, self.owned, self._committers, self.consumer.dropped, lambda: self.is_ready
        )
        turns = Turns()
        submissions = Submissions(routing, self.plans, lookups, forks)
        reopenings = Reopenings(routing, self.plans, lookups, turns)
        results = Results(routing, values, lookups.__getitem__)
        instances = Instances(submissions, reopenings)
        self.child_runs = ChildRuns(routing, instances, values, results, lookups.__getitem__)
        for committer in self._committers:
            committer.has_child_runs = self.child_runs.wake
        self.child_runs.start()
        self.service = StateTrackerService(
            deployment,
            routing,
            self._looking,
            self.plans,
            submissions,
            self.consumer,
            reader,
            values,
            lookups,
            forks,
            Diagnosis(self._owner, self._databases, self.owned, self._stream, self._owners, self.consumer),
            Removals(routing, lookups, turns),
            reopenings,
            results,
            *self._others,
        )
        self._subscription = self._stream.subscribe(streams.REPORTS, self.consumer.take, self.owned.keys())

    async def _rejoin(
        self, position: int, deployment: Deployment, routing: Routing, lookups: dict[int, Lookup]
    ) -> None:
        """Serve the shards of a database that was away at the start, once it is there."""
        database, owner, committer = self._databases[position], self._owners[position], self._committers[position]
        while True:
            await asyncio.sleep(REJOIN_EVERY_S)
            try:
                await migrate(database.url, packaged(MIGRATIONS))
                shards = await deployments.rejoin(self._databases, position, deployment)
                owner.shards = shards
                routing.add(shards, database, self._looking[position], committer)
                lookups.update(dict.fromkeys(shards, Lookup(database)))
                await committer.rejoin()
                await owner.start(committer)
            except (*TROUBLE, DatabaseAway, StateTrackerError) as error:
                await owner.stop()
                if isinstance(error, StateTrackerError):
                    log.error("cannot serve the shards of database %d; retrying: %s", position + 1, error)
            else:
                log.warning("database %d is available: serving its %d shards", position + 1, len(shards))
                return

    def register(self, server: grpc_server.Server) -> None:
        """Serve on a server that has not started yet; after `start`."""
        if self.service is None:
            raise StateTrackerError("start the State Tracker before its server")
        grpc_module: Any = service_pb2_grpc
        grpc_module.add_StateTrackerServiceServicer_to_server(self.service, server.grpc)
        server.serves(service_pb2.DESCRIPTOR.services_by_name["StateTrackerService"].full_name)

    async def team_of(self, run_id: bytes) -> str | None:
        """Return the team of a run; None if there is no such run."""
        if self._team_of is None:
            raise StateTrackerError("start the State Tracker before its server")
        return await self._team_of(run_id)

    async def stop(self) -> None:
        """Commit what is pending, write checkpoints, give the shards up. Harmless when repeated."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        if self.child_runs is not None:
            await self.child_runs.stop()
            self.child_runs = None
        self._unregister()
        rejoining, self._rejoining = self._rejoining, []
        for task in rejoining:
            task.cancel()
        await asyncio.gather(*rejoining, return_exceptions=True)
        await asyncio.gather(*(committer.stop(STOP_GRACE_S) for committer in self._committers))
        await asyncio.gather(*(owner.stop() for owner in self._owners))
        for owned in list(self.owned.values()):
            owned.lose()
        self.owned.clear()
        self._owners, self._committers = [], []
        self.plans.close()
        for database in (*self._looking, *self._leasing, *self._databases):
            await database.close()

    def _graphs_used(self) -> set[bytes]:
        return {plan for owned in self.owned.values() for plan in owned.graphs()}
