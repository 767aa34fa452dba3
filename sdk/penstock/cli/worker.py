"""`penstock worker`: a worker on this host, for a stack on another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..client.discovery import PORT
from .options import Cpu, DrainSeconds, Gpu, Memory

MetricsListen = Annotated[
    str, typer.Option(envvar="PENSTOCK_METRICS_LISTEN", help="Serve Prometheus metrics at /metrics on this HOST:PORT.")
]
Authority = Annotated[
    str,
    typer.Option(
        envvar="PENSTOCK_AUTHORITY",
        metavar="HOST:PORT",
        help="Use this registry for the token (default: as the stack says).",
    ),
]


def worker(
    connect: Annotated[
        str, typer.Option(help="Connect to the Action Service, or the stack, at this HOST:PORT.")
    ] = f"127.0.0.1:{PORT}",
    pool: Annotated[str, typer.Option(help="Join this pool.")] = "default",
    name: Annotated[
        str, typer.Option(help="Use this unique name (default: the host's and a suffix, kept in the folder).")
    ] = "",
    cpu: Cpu = None,
    gpu: Gpu = None,
    memory: Memory = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Label that operators can require; repeatable.")
    ] = None,
    executor: Annotated[str, typer.Option(help="Execute operators with this installed executor.")] = "process",
    folder: Annotated[Path | None, typer.Option(help="Keep the name, the cache and scratch files here.")] = None,
    artifacts: Annotated[str, typer.Option(help="Use this artifact store (default: as the stack says).")] = "",
    artifact_folder: Annotated[
        Path | None, typer.Option(help="Use the artifact store's folder directly, if this host can access it.")
    ] = None,
    state_tracker: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="Use this State Tracker; repeatable (default: as the stack says)."),
    ] = None,
    metrics_listen: MetricsListen = "",
    allow_insecure_bind: Annotated[
        bool,
        typer.Option(
            "--allow-insecure-bind",
            envvar="PENSTOCK_ALLOW_INSECURE_BIND",
            help="Let other machines read the metrics, unprotected; use it only on a private network.",
        ),
    ] = False,
    authority: Authority = "",
    drain_s: DrainSeconds = 60.0,
) -> int:
    """Execute operators here, for services on another host.

    The worker opens the connection, so no port has to be open here. It reconnects automatically. On SIGTERM or Ctrl-C
    it drains: running actions finish, no new ones are accepted.
    """
    from ..client.discovery import data_folder
    from ..client.tokens import found_credential
    from ..declare.options import memory_bytes
    from ..errors import PenstockError

    try:
        from penstock_executors import worker as working
        from penstock_executors.remote import Place
        from penstock_proto.plan.v1.plan_pb2 import Resources
    except ImportError as error:
        raise PenstockError(f"a worker needs the package penstock-executors: {error}") from error
    _trust(connect)
    place = Place(
        connect=connect,
        worker=name,
        pool=pool,
        folder=folder,
        state_trackers=tuple(state_tracker or ()),
        artifacts=artifacts,
        artifact_folder=artifact_folder,
        labels=_labels(label or []),
        credential=found_credential(connect),
        authority=authority,
    )
    resources = Resources(cpu_milli=round((cpu or 0) * 1000), memory_bytes=memory_bytes(memory) or 0)
    return working.run(
        place, resources, home=data_folder(), gpu=gpu, executor=executor, drain_s=drain_s,
        metrics_listen=metrics_listen, allow_insecure_bind=allow_insecure_bind,
    )  # fmt: skip


def _trust(address: str) -> None:
    """Let the stack of this machine, if it has this address, be called with its own authority."""
    from penstock_proto import tls

    from ..client.discovery import found_at

    if not tls.chosen().is_used and (stack := found_at(address)):
        tls.choose(tls.Tls(ca=stack.ca))


def _labels(words: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found or not key:
            raise typer.BadParameter(f"invalid --label {word!r}: expected KEY=VALUE")
        labels[key] = value
    return labels
