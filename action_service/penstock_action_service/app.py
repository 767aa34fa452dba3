"""The Action Service put together: leases, pools, the edge of workers, and the API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from penstock_proto.action_service.v1 import service_pb2, service_pb2_grpc, worker_pb2, worker_pb2_grpc
from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.wire import DEFAULT_POOL
from penstock_service import channels, grpc_server
from penstock_service.database import TROUBLE
from penstock_stream.stream import Stream
from penstock_stream.upstreams import DependencyManagerUpstream

from .api.service import Service
from .api.worker_service import WorkerService
from .errors import ActionServiceError, NotOwner, UnknownPool
from .shell import sessions
from .shell.leases import LEASE_S, Leases
from .shell.orders import Orders
from .shell.pool_host import PoolHost
from .shell.sessions import Session
from .shell.trackers import Trackers
from .shell.values import ValueCache

WORKER_LEASE_S = 10.0
RENEW_EVERY_S = 1.0

log = logging.getLogger(__name__)


def _do_nothing() -> None:
    pass


class ActionService:
    """One Action Service; several share the pools of a deployment by leases.

    Args:
        state_trackers: HOST:PORT of each.
        dependency_managers: HOST:PORT of each.
        shards: Of the whole deployment; a pool's actions come from all of them.
        database_url: Where the pools' leases are; None: this is the only Action Service there ever is (tests).
        owner: A name for people and logs; what it owns follows from leases that each process has for itself.
        address: HOST:PORT at which workers reach this one's gRPC server.
        weights: Shares of teams in the pools, 1 where not named.
        alone: The caller holds a lock which proves that no other Action Service of this database runs.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        state_trackers: Sequence[str],
        dependency_managers: Sequence[str],
        shards: Collection[int],
        database_url: str | None,
        owner: str,
        address: str = "",
        pools: Sequence[str] = (DEFAULT_POOL,),
        weights: Mapping[str, float] | None = None,
        worker_lease_s: float = WORKER_LEASE_S,
        alone: bool = False,
    ) -> None:
        if not state_trackers or not dependency_managers or not pools or not owner:
            raise ActionServiceError("an Action Service needs a name, a pool, and addresses of both other services")
        if any(not weight > 0 for weight in (weights or {}).values()):
            raise ActionServiceError("the weights of teams must be greater than 0")
        self.address = address
        self.hosts: dict[str, PoolHost] = {}  # of pools that are ours now
        self._stream, self._pools, self._shards = stream, tuple(pools), shards
        self._weights, self._worker_lease_s = dict(weights or {}), worker_lease_s
        self._state_trackers = list(state_trackers)
        self._trackers = Trackers(state_trackers)
        self._channels = [channels.open_channel(address) for address in dependency_managers]
        self._upstreams = [
            DependencyManagerUpstream(channel, upstream)
            for channel, upstream in zip(self._channels, dependency_managers, strict=True)
        ]
        self._cache = ValueCache()
        self._leases = Leases(database_url, owner) if database_url is not None else None
        self._alone = alone
        self._owners: dict[str, str] = {}
        self._noted: dict[str, frozenset[str]] = {}  # names of workers, as the table has them
        self._held_until = 0.0
        self._is_postgres_away = False
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take what pools are free and begin to follow; `wait_loaded` returns when all is known.

        Raises one of `leases.TROUBLE` if Postgres is away; it may be called again then.
        """
        if self._leases is None:
            await self._open(dict.fromkeys(self._pools, 1), {})
            return
        await self._leases.prepare(alone=self._alone)
        await self._renew(self._leases)
        self._renewing = asyncio.create_task(self._keep(self._leases))

    @property
    def is_ready(self) -> bool:
        """Whether all that is owned here is loaded; an instance that waits for a pool to become free is ready, too."""
        return not self._is_postgres_away and all(host.is_loaded for host in self.hosts.values())

    async def wait_loaded(self) -> None:
        """Return once the state of every shard is known to every pool that is ours now."""
        await asyncio.gather(*(host.wait_loaded() for host in self.hosts.values()))

    def register(self, server: grpc_server.Server) -> None:
        """Serve workers and questions; errors derive from ActionServiceError."""
        generated: Any = service_pb2_grpc
        managers = [upstream.address for upstream in self._upstreams]
        service = Service(self.hosts, self._pools, self._state_trackers, managers)
        generated.add_ActionServiceServicer_to_server(service, server.grpc)
        generated_worker: Any = worker_pb2_grpc
        generated_worker.add_WorkerServiceServicer_to_server(WorkerService(self.connect), server.grpc)
        server.serves(
            service_pb2.DESCRIPTOR.services_by_name["ActionService"].full_name,
            worker_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name,
        )

    def connect(
        self, register: Register, send: Callable[[Orders], None], closed: Callable[[], None] = _do_nothing
    ) -> Session:
        """Take in a worker of this process.

        Args:
            send: Gets the worker's orders, on the event loop; may call the session at once.
            closed: Called when the connection is over, for whatever reason; connect again, with what is held.

        Raises:
            BadWorker, UnknownPool, NotOwner: It cannot be taken in here.
        """
        sessions.check(register)
        pool = register.pool or DEFAULT_POOL
        if pool not in self._pools:
            raise UnknownPool(pool, list(self._pools))
        host = self.hosts.get(pool)
        if host is None:
            raise NotOwner(pool, self._owners.get(pool, ""))
        return host.connect(register, send, closed)

    def noted_workers(self, pool: str) -> frozenset[str]:
        """Return the workers that the next owner of a pool will wait for."""
        return self._noted.get(pool, frozenset())

    def drain(self, pool: str, worker: str) -> None:
        """Grant a worker nothing more; what it runs goes on."""
        if pool in self.hosts:
            self.hosts[pool].drain(worker)

    async def stop(self) -> None:
        """End all connections and let others take the pools at once. Harmless when repeated."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        epochs = {name: host.epoch for name, host in self.hosts.items()}
        if self._leases is not None:
            with suppress(*TROUBLE):  # the next owner waits a little longer than it had to
                await self._note_workers(self._leases)
        await self._drop(list(self.hosts), "this instance is stopping")
        if self._leases is not None:
            try:
                await self._leases.release(epochs)
            except TROUBLE as error:
                log.info("cannot release the leases of pools, they will expire: %s", error)
            await self._leases.close()
        await self._trackers.close()
        for channel in self._channels:
            await channel.close()

    async def _keep(self, leases: Leases) -> None:
        """Renew our leases and take free ones, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._renew(leases)
                self._is_postgres_away = False
            except TROUBLE as error:
                self._is_postgres_away = True
                log.warning("cannot acquire the leases of pools from Postgres, retrying: %s", error)
                await leases.close()
                if asyncio.get_running_loop().time() > self._held_until:
                    await self._drop(list(self.hosts), "the lease could not be renewed in time")
            except Exception:
                log.exception("cannot renew the leases of pools; retrying")

    async def _renew(self, leases: Leases) -> None:
        held_until = asyncio.get_running_loop().time() + LEASE_S
        epochs = {name: host.epoch for name, host in self.hosts.items()}
        kept = await leases.renew(epochs, self.address) if epochs else set[str]()
        self._held_until = held_until
        await self._drop([name for name in epochs if name not in kept], "another instance owns it")
        missing = [name for name in self._pools if name not in self.hosts]
        if missing:
            taken = await leases.take(missing, self.address)
            await self._open(taken, await leases.workers(list(taken)) if taken else {})
            self._owners = await leases.owners(missing)
        await self._note_workers(leases)

    async def _note_workers(self, leases: Leases) -> None:
        """Let the next owner of each pool know whose return to wait for."""
        for name, host in self.hosts.items():
            if (workers := host.core.connected_workers()) != self._noted.get(name):
                await leases.note_workers(name, host.epoch, sorted(workers))
                self._noted[name] = workers

    async def _open(self, epochs: Mapping[str, int], former: Mapping[str, Collection[str]]) -> None:
        for name, epoch in epochs.items():
            self._noted.pop(name, None)
            host = self.hosts[name] = PoolHost(
                name,
                epoch,
                self._worker_lease_s,
                self._weights,
                self._stream,
                self._upstreams,
                self._shards,
                self._trackers,
                self._cache,
                former.get(name, ()),
            )
            await host.start()
            log.info("owns pool %s, epoch %d", name, epoch)

    async def _drop(self, names: Sequence[str], why: str) -> None:
        for name in names:
            log.info("gave up pool %s: %s", name, why)
            await self.hosts.pop(name).stop()
