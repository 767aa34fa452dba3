"""`penstock-dependency-manager`: one Dependency Manager as a process of its own."""

import sys

from penstock_service import process
from penstock_service.process import Process
from penstock_service.state_trackers import deployment_of
from penstock_stream.opening import open_stream

from .errors import DependencyManagerError
from .settings import Settings
from .shell import DependencyManager


async def start(settings: Settings, here: Process) -> None:
    """Answer at once, and be ready when every shard is loaded."""
    deployment = await deployment_of(settings.state_trackers)
    stream = await open_stream(here, settings, deployment.shards, deployment.deployment_id)
    manager = DependencyManager(stream, settings.state_trackers, settings.mine(deployment.shards))
    here.stop(manager.stop)
    await here.serve(settings, manager.register)
    await manager.start()
    here.ready = lambda: manager.is_ready


def main() -> int:
    return process.run(Settings, start, (DependencyManagerError,))


if __name__ == "__main__":
    sys.exit(main())
