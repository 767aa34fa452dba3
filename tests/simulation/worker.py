"""A simulated worker's machine: the product's worker with a simulated executor. Its crash is that of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_executors.errors import ExecutorError
from penstock_executors.remote import Place, RemoteWorker
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.plan.v1.plan_pb2 import Resources

from .executor import SimulatedExecutor
from .process import Process

if TYPE_CHECKING:
    from .world import World


class WorkerProcess(Process):
    may_crash = False  # between steps; machines are killed as a whole
    exits = (ExecutorError, OSError)
    product: RemoteWorker | None = None
    executor: SimulatedExecutor | None = None

    def __init__(self, world: World, name: str, cores: int) -> None:
        super().__init__(world, name)
        self.capacity = Resources(cpu_milli=1000 * cores, memory_bytes=2**30)

    async def main(self) -> None:
        world = self.world
        world.machines += 1
        folder = world.folder / str(world.machines)  # a machine comes back with an empty disk
        folder.mkdir()
        self.executor = executor = SimulatedExecutor(world, self.name, self.capacity)
        place = Place(
            connect=world.pool_address,
            worker=self.name,
            folder=folder,
            artifact_folder=folder,
        )
        self.product = RemoteWorker(place, executor)
        await self.product.run()

    def stopped(self) -> None:
        self.product = self.executor = None

    def executing(self) -> list[tuple[Grant, float]]:
        """What it executes now, and since when."""
        return list(self.executor.running.values()) if self.executor is not None else []

    def holds(self) -> list[Grant]:
        agent = self.product._agent if self.product is not None else None
        return agent._core.holds() if agent is not None else []

    def cut(self) -> None:
        """Break its connection to the pool."""
        self.world.network.cut(self.life)
