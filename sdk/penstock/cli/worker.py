"""`penstock worker`: a worker on this host, for a stack on another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..client.discovery import PORT


def worker(
    connect: Annotated[str, typer.Option(help="HOST:PORT of the Action Service, or of a stack.")] = f"127.0.0.1:{PORT}",
    pool: Annotated[str, typer.Option(help="Pool that it belongs to.")] = "default",
    name: Annotated[
        str, typer.Option(help="Its name, unlike all others; else the host's and a suffix, kept in its folder.")
    ] = "",
    cpu: Annotated[float | None, typer.Option(help="Cores for operators; else all of this machine.")] = None,
    gpu: Annotated[int | None, typer.Option(help="GPUs for operators; else all of this machine.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory for operators, such as 64Gi.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="What operators may ask for; may be repeated.")
    ] = None,
    executor: Annotated[str, typer.Option(help="What executes: the name of an installed executor.")] = "process",
    folder: Annotated[Path | None, typer.Option(help="Its own, for its name, cache and scratch files.")] = None,
    artifacts: Annotated[str, typer.Option(help="HOST:PORT of the artifact service; else what the stack says.")] = "",
    artifact_folder: Annotated[
        Path | None, typer.Option(help="The artifact store's own folder, if this host sees it.")
    ] = None,
    state_tracker: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="A State Tracker, may be repeated; else those that the stack names."),
    ] = None,
    metrics_listen: Annotated[
        str,
        typer.Option(envvar="PENSTOCK_METRICS_LISTEN", help="HOST:PORT that answers /metrics for Prometheus."),
    ] = "",
    allow_insecure_bind: Annotated[
        bool,
        typer.Option(
            "--allow-insecure-bind",
            envvar="PENSTOCK_ALLOW_INSECURE_BIND",
            help="Let other machines read the metrics; only on a network that is closed to others.",
        ),
    ] = False,
    drain_s: Annotated[float, typer.Option(help="Seconds that running operators have when it is told to stop.")] = 60.0,
) -> int:
    """Execute operators here, for services on another host.

    It connects out, so that no port has to be open here, and comes back after any break. SIGTERM or Ctrl-C drains it:
    what runs may end, nothing new is taken.
    """
    from ..client.discovery import data_folder
    from ..declare.options import memory_bytes
    from ..errors import PenstockError

    try:
        from penstock_executors import worker as working
        from penstock_executors.remote import Place
        from penstock_proto.plan.v1.plan_pb2 import Resources
    except ImportError as error:
        raise PenstockError(f"a worker needs the package penstock-executors: {error}") from error
    place = Place(
        connect=connect,
        worker=name,
        pool=pool,
        folder=folder,
        state_trackers=tuple(state_tracker or ()),
        artifacts=artifacts,
        artifact_folder=artifact_folder,
        labels=_labels(label or []),
    )
    resources = Resources(cpu_milli=round((cpu or 0) * 1000), memory_bytes=memory_bytes(memory) or 0)
    return working.run(
        place, resources, home=data_folder(), gpu=gpu, executor=executor, drain_s=drain_s,
        metrics_listen=metrics_listen, allow_insecure_bind=allow_insecure_bind,
    )  # fmt: skip


def _labels(words: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found or not key:
            raise typer.BadParameter(f"a label is KEY=VALUE, not {word!r}")
        labels[key] = value
    return labels
