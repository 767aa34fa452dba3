"""`penstock up`: the embedded stack in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client.discovery import HOST, PORT
from . import exits, terminal
from .options import PORT_MAX, Cpu, Data, Detach, Gpu, Kafka, Memory, Retention, Shards, Traces

Port = Annotated[
    int, typer.Option(metavar="PORT", min=0, max=PORT_MAX, help="Listen on this port; 0 selects a free one.")
]
_HTTP = "Serve the REST API on this port; 0 selects a free one (default: 7780 if it is free)."
_METRICS = "Serve Prometheus metrics at /metrics on this port of 127.0.0.1; 0 selects a free one (default: off)."
HttpPort = Annotated[int | None, typer.Option(min=0, max=PORT_MAX, help=_HTTP)]
MetricsPort = Annotated[int | None, typer.Option(min=0, max=PORT_MAX, help=_METRICS)]
Access = Annotated[
    bool | None,
    typer.Option(
        "--access/--no-access",
        help="Use access control (default: as this data folder was served before).",
    ),
]
Tls = Annotated[bool, typer.Option("--tls", help="Use TLS, with certificates of an authority of its own.")]
Host = Annotated[str, typer.Option(help="Listen on this address; others than loopback require --access and --tls.")]


def up(
    ctx: typer.Context,
    data: Data = None,
    port: Port = PORT,
    cpu: Cpu = None,
    memory: Memory = None,
    gpu: Gpu = None,
    shards: Shards = None,
    kafka: Kafka = False,
    traces: Traces = "",
    http_port: HttpPort = None,
    metrics_port: MetricsPort = None,
    workers: Annotated[
        bool, typer.Option(help="Execute operators here; otherwise runs wait until a worker connects.")
    ] = True,
    retention: Retention = None,
    access: Access = None,
    tls: Tls = False,
    host: Host = HOST,
    detach: Detach = False,
) -> int:
    """Run all services and a worker on this machine.

    They run until Ctrl-C, or with --detach until `penstock down`.

    The services run in one process, with an embedded Postgres. The data folder is kept: unfinished runs continue at the
    next start. Other commands find the stack automatically.
    """
    from ..client.discovery import data_folder
    from ..declare.options import memory_bytes
    from . import background
    from .options import time_s
    from .stack import foreground

    folder = (data or data_folder()).absolute()
    if detach:
        running = background.start(folder, background.words_of(ctx.params, "data", "detach"))
        terminal.line(f"ready on {running.address}, data in {folder}; `penstock down` stops it")
        return exits.SUCCEEDED
    return foreground(
        folder,
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
        retention_s=None if retention is None else time_s("--retention", retention),
        access=access,
        tls=tls,
        host=host,
    )
