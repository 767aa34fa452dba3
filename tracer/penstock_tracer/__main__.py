"""`penstock-tracer`: the tracer as a process of its own."""

import sys

from penstock_service import grpc_server, process
from penstock_service.process import Process
from penstock_service.state_trackers import deployment_of
from penstock_stream.opening import GATHER_S, open_stream

from .errors import TracerError
from .settings import Settings
from .shell import Tracer


async def start(settings: Settings, here: Process) -> None:
    """Answer at once, and be ready when every shard is followed."""
    deployment = await deployment_of(settings.state_trackers)
    stream = await open_stream(here, settings, deployment.shards, deployment.deployment_id, GATHER_S)
    tracer = Tracer(
        stream,
        state_trackers=settings.state_trackers,
        shards=range(deployment.shards),
        deployment=deployment.deployment_id,
        otlp=settings.otlp,
        folder=settings.tracer_folder,
    )
    here.stop(tracer.stop)
    await here.serve(settings, _health_alone)
    await tracer.start()
    here.ready = lambda: tracer.is_ready


def _health_alone(server: grpc_server.Server) -> None:
    """There is nothing to ask it."""


def main() -> int:
    return process.run(Settings, start, (TracerError,))


if __name__ == "__main__":
    sys.exit(main())
