"""`penstock-action-service`: one Action Service as a process of its own."""

import sys

from penstock_access.rules import Of
from penstock_service import process
from penstock_service.database import ABSENT, TROUBLE
from penstock_service.guard import by_run
from penstock_service.process import Process, retry_until_available
from penstock_service.state_trackers import RunTeams, deployment_of
from penstock_stream.opening import open_stream

from .app import ActionService
from .errors import ActionServiceError
from .settings import Settings


async def start(settings: Settings, here: Process) -> None:
    """Answer at once, and be ready when the state of every shard is known to the pools that are owned here."""
    deployment = await deployment_of(settings.state_trackers)
    stream = await open_stream(here, settings, deployment.shards, deployment.deployment_id)
    service = ActionService(
        stream,
        state_trackers=settings.state_trackers,
        dependency_managers=settings.dependency_managers,
        shards=range(deployment.shards),
        database_url=settings.database_url,
        owner=settings.instance,
        address=settings.advertise or settings.listen,
        pools=settings.pools,
        weights=settings.team_weights,
        worker_lease_s=settings.worker_lease_s,
    )
    teams = RunTeams(settings.state_trackers)
    here.stop(teams.close)
    server = await here.serve(settings, service.register, {Of.RUN: by_run(teams.of)})
    if not settings.advertise:
        service.address = server.address
    here.stop(service.stop)
    await retry_until_available(service.start, ABSENT, "Postgres")
    here.ready = lambda: service.is_ready


def main() -> int:
    return process.run(Settings, start, (ActionServiceError, *TROUBLE))


if __name__ == "__main__":
    sys.exit(main())
