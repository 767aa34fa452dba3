"""`penstock up`: the embedded stack in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client.discovery import PORT
from .options import Data


def up(
    data: Data = None,
    port: Annotated[int, typer.Option(metavar="PORT", help="Port on 127.0.0.1; 0 takes a free one.")] = PORT,
    cpu: Annotated[float | None, typer.Option(help="Cores for operators; else all of this machine.")] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory for operators, such as 8Gi; else most of this machine's.")
    ] = None,
    gpu: Annotated[int | None, typer.Option(help="GPUs for operators; else all of this machine.")] = None,
    shards: Annotated[
        int | None, typer.Option(help="Logs that a new data folder is made with; 256 if not given.")
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="With a real Kafka between the services, its data kept, too.")
    ] = False,
    traces: Annotated[
        str,
        typer.Option(help="HOST:PORT of an OpenTelemetry collector (OTLP over gRPC) that gets a trace of each run."),
    ] = "",
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port on 127.0.0.1 that answers /metrics for Prometheus; 0 takes a free one; else nowhere."),
    ] = None,
    workers: Annotated[
        bool, typer.Option(help="Execute operators here; without, runs wait for workers that connect.")
    ] = True,
) -> int:
    """Run all services and a worker on this machine, until Ctrl-C.

    Everything is in one process, over a Postgres of its own. The data folder is kept: runs that had not ended when it
    stopped go on when it starts again. Other commands find it by themselves.
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
    )
