"""`penstock-tracer`: the tracer as a process of its own."""

import sys

from penstock_eventlog import process, rpc
from penstock_eventlog.process import Process, deployment_of

from .errors import TracerError
from .settings import Settings
from .shell import Tracer


async def start(settings: Settings, here: Process) -> None:
    """Answer at once, and be ready when every shard is followed."""
    deployment = await deployment_of(settings.state_trackers)
    stream = await here.stream(settings, deployment.shards, deployment.deployment_id)
    tracer = Tracer(
        stream,
        state_trackers=settings.state_trackers,
        shards=range(deployment.shards),
        deployment=deployment.deployment_id,
        otlp=settings.otlp,
        folder=settings.tracer_folder,
    )
    here.stop(tracer.stop)
    await here.serve(settings, TracerError, _health_alone)
    await tracer.start()
    here.ready = lambda: tracer.ready


def _health_alone(server: rpc.Server) -> None:
    """There is nothing to ask it."""


def main() -> int:
    return process.run(Settings, start, (TracerError,))


if __name__ == "__main__":
    sys.exit(main())
