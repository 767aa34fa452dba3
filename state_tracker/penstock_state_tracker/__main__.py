"""`penstock-state-tracker`: one State Tracker as a process of its own."""

import sys

from penstock_access.rules import Of
from penstock_service import process
from penstock_service.database import ABSENT, TROUBLE
from penstock_service.guard import by_run
from penstock_service.process import Process, retry_until_available
from penstock_stream.opening import open_stream

from .app import StateTracker, prepare
from .errors import StateTrackerError
from .settings import Settings


async def start(settings: Settings, here: Process) -> None:
    """Take part in owning the shards, then answer."""
    deployment = await retry_until_available(
        lambda: prepare(settings.database_urls, settings.shards), ABSENT, "Postgres"
    )
    stream = await open_stream(here, settings, deployment.shards, deployment.name)
    tracker = StateTracker(
        settings.database_urls,
        stream,
        settings.instance,
        settings.advertise or settings.listen,
        deployment.shards,
        settings.artifact_folder,
        settings.artifact_store,
        settings.action_services,
        settings.registry,
        settings.history,
        settings.notifications,
    )
    here.stop(tracker.stop)
    await tracker.start()
    server = await here.serve(settings, tracker.register, {Of.RUN: by_run(tracker.team_of)})
    if not settings.advertise:
        tracker.address = server.address
    here.ready = lambda: tracker.is_ready


def main() -> int:
    return process.run(Settings, start, (StateTrackerError, *TROUBLE))


if __name__ == "__main__":
    sys.exit(main())
