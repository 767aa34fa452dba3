"""`penstock-gateway`: the gateway as a process of its own."""

import sys

from penstock.client import Unreachable
from penstock_service import certificates, grpc_server, process
from penstock_service.process import Process
from penstock_service.settings import split_address

from .app import Gateway
from .edge.triggers import read_triggers
from .errors import GatewayError
from .settings import Settings


async def start(settings: Settings, here: Process) -> None:
    """Answer over HTTP as soon as a State Tracker responds."""
    if settings.tls_of_http is not None:
        certificates.check(settings.tls_of_http)
    await here.serve(settings, _health_alone)
    host, port = split_address(settings.http_listen)
    gateway = Gateway(
        ",".join(settings.state_trackers),
        host=host,
        port=port,
        hosts=settings.http_hosts,
        origins=settings.http_origins,
        action_services=settings.action_services,
        artifact_store=settings.artifact_store,
        registry=settings.registry,
        artifact_bytes_max=settings.artifact_bytes_max,
        upload_bytes_max=settings.upload_bytes_max,
        sign_in=settings.read_sign_in(),
        tls=settings.tls_of_http,
        triggers=read_triggers(settings.triggers),
        is_port_shared=settings.http_port_shared,
    )
    here.stop(gateway.stop)
    await process.retry_until_available(gateway.start, (Unreachable,), "the State Tracker")


def _health_alone(server: grpc_server.Server) -> None:
    """There is nothing to ask it over gRPC."""


def main() -> int:
    return process.run(Settings, start, (GatewayError,))


if __name__ == "__main__":
    sys.exit(main())
