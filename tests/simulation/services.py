"""The services as simulated processes: each starts the product's own, as its `__main__` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock_action_service.app import ActionService
from penstock_action_service.shell.pool_host import PoolHost
from penstock_dependency_manager.shell import DependencyManager
from penstock_service.database import ABSENT, TROUBLE
from penstock_service.errors import ServiceError
from penstock_service.grpc_server import ErrorInterceptor
from penstock_service.process import retry_until_available
from penstock_state_tracker.app import StateTracker
from penstock_state_tracker.log.shard_state import Owned

from .network import Server
from .process import Process

if TYPE_CHECKING:
    from .world import World

DATABASE = "postgresql://simulated"


class TrackerProcess(Process):
    """A State Tracker."""

    exits = (ServiceError, *TROUBLE)
    product: StateTracker | None = None

    def __init__(self, world: World, name: str, address: str) -> None:
        super().__init__(world, name)
        self.address = address

    async def main(self) -> None:
        stream: Any = self.world.stream.of_life()
        self.product = tracker = StateTracker([DATABASE], stream, self.name, self.address, self.world.shards)
        await tracker.start()
        server = Server(self.world.network, ErrorInterceptor())
        tracker.register(server)  # type: ignore[arg-type]
        server.open(self.address)

    def stopped(self) -> None:
        self.product = None

    @property
    def owned(self) -> dict[int, Owned]:
        return self.product.owned if self.product is not None else {}


class ManagerProcess(Process):
    """A Dependency Manager."""

    exits = (ServiceError,)
    product: DependencyManager | None = None

    async def main(self) -> None:
        stream: Any = self.world.stream.of_life()
        addresses = self.world.tracker_addresses
        self.product = manager = DependencyManager(stream, addresses, range(self.world.shards))
        server = Server(self.world.network, ErrorInterceptor())
        manager.register(server)  # type: ignore[arg-type]
        server.open(self.name)
        await manager.start()

    def stopped(self) -> None:
        self.product = None

    def positions(self) -> list[int]:
        """Return how far it has followed each shard."""
        return [] if self.product is None else self.product._follower.ends()


class PoolProcess(Process):
    """An Action Service: it owns the pool while its lease lasts, and hears of another owner late."""

    exits = (ServiceError, *TROUBLE)
    product: ActionService | None = None

    async def main(self) -> None:
        world = self.world
        stream: Any = world.stream.of_life()
        self.product = service = ActionService(
            stream,
            state_trackers=world.tracker_addresses,
            dependency_managers=[manager.name for manager in world.managers],
            shards=range(world.shards),
            database_url=DATABASE,
            owner=self.name,
            address=self.name,
        )
        server = Server(world.network, ErrorInterceptor())
        service.register(server)  # type: ignore[arg-type]
        server.open(self.name)
        server.open(world.pool_address)
        await retry_until_available(service.start, ABSENT, "Postgres")

    def stopped(self) -> None:
        self.product = None

    @property
    def host(self) -> PoolHost | None:
        """The pool, if it believes that it owns it."""
        return self.product.hosts.get("default") if self.product is not None else None

    def positions(self) -> list[int]:
        return [] if self.host is None else self.host._follower.ends()
