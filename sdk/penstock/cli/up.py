"""`penstock up`: the embedded stack in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client.discovery import PORT
from .options import PORT_MAX, Cpu, Data, Gpu, Memory

SHARDS_MAX = 65_536


def up(
    data: Data = None,
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT", min=0, max=PORT_MAX, help="Listen on this port of 127.0.0.1; 0 selects a free one."
        ),
    ] = PORT,
    cpu: Cpu = None,
    memory: Memory = None,
    gpu: Gpu = None,
    shards: Annotated[
        int | None,
        typer.Option(min=1, max=SHARDS_MAX, help="Create a new data folder with this many shards (default: 256)."),
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Run an embedded Kafka between the services and keep its data.")
    ] = False,
    traces: Annotated[
        str,
        typer.Option(
            help="Send a trace of each run to the OpenTelemetry collector at this HOST:PORT (OTLP over gRPC)."
        ),
    ] = "",
    http_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=PORT_MAX,
            help="Serve the REST API on this port of 127.0.0.1; 0 selects a free one (default: 7780 if it is free).",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=PORT_MAX,
            help="Serve Prometheus metrics at /metrics on this port of 127.0.0.1; 0 selects a free one (default: off).",
        ),
    ] = None,
    workers: Annotated[
        bool, typer.Option(help="Execute operators here; otherwise runs wait until a worker connects.")
    ] = True,
) -> int:
    """Run all services and a worker on this machine until Ctrl-C.

    The services run in one process, with an embedded Postgres. The data folder is kept: unfinished runs continue at the
    next start. Other commands find the stack automatically.
    """
    from ..client.discovery import data_folder
    from ..declare.options import memory_bytes
    from .stack import foreground

    return foreground(
        data or data_folder(),
        port=port,
        cpu=cpu,
        memory_bytes=memory_bytes(memory) or None,
        gpu=gpu,
        shards=shards,
        workers=workers,
        kafka=kafka,
        traces=traces,
        metrics_port=metrics_port,
        http_port=http_port,
    )
