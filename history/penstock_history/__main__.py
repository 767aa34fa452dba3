"""`penstock-history`: one history service as a process of its own."""

import sys

from penstock_access.rules import Of
from penstock_service import process
from penstock_service.database import ABSENT, TROUBLE
from penstock_service.guard import by_run
from penstock_service.process import Process, retry_until_available
from penstock_service.state_trackers import deployment_of
from penstock_stream.opening import GATHER_S, open_stream

from .app import History
from .settings import Settings


async def start(settings: Settings, here: Process) -> None:
    """Answer at once, and be ready when every shard is followed."""
    deployment = await deployment_of(settings.state_trackers)
    stream = await open_stream(here, settings, deployment.shards, deployment.deployment_id, GATHER_S)
    history = History(
        stream,
        database_url=settings.database_url,
        state_trackers=settings.state_trackers,
        shards=range(deployment.shards),
    )
    await here.serve(settings, history.register, {Of.RUN: by_run(history.team_of)})
    here.stop(history.stop)
    await retry_until_available(history.start, ABSENT, "Postgres")
    here.ready = lambda: history.is_ready


def main() -> int:
    return process.run(Settings, start, TROUBLE)


if __name__ == "__main__":
    sys.exit(main())
