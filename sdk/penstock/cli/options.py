"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..declare.workflows import Workflow

PORT_MAX = 65_535
CORES_MAX = 1_000_000
GPUS_MAX = 1_024
UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _cores(cpu: float | None) -> float | None:
    """Refuse what no machine can offer: nothing could ever run there."""
    if cpu is None or 0.001 <= cpu <= CORES_MAX:  # also refuses "nan"
        return cpu
    raise typer.BadParameter(
        f"{cpu:g} cores: give a number above 0, such as 4 or 0.5, or leave it out to offer all cores"
    )


def _memory(memory: str | None) -> str | None:
    from ..declare.options import memory_bytes
    from ..errors import InvalidDeclaration

    remedy = "give a size above 0, such as 64Gi or 512Mi, or leave it out to offer all memory"
    try:
        if memory is None or memory_bytes(memory) > 0:
            return memory
    except InvalidDeclaration:
        pass
    raise typer.BadParameter(f"{memory!r} of memory: {remedy}")


def _seconds(value: float) -> float:
    if 0 <= value < math.inf:
        return value
    raise typer.BadParameter(f"{value:g} s: give a number of seconds from 0")


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Connect to this address (default: PENSTOCK_ADDRESS, then the stack on this machine).",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Use this data folder (default: PENSTOCK_HOME, then one in your home, or /var/lib/penstock as root).",
    ),
]
Cpu = Annotated[
    float | None, typer.Option("--cpu", callback=_cores, help="Offer this many cores to operators (default: all).")
]
Gpu = Annotated[
    int | None, typer.Option("--gpu", min=0, max=GPUS_MAX, help="Offer this many GPUs to operators (default: all).")
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory", callback=_memory, help="Offer this much memory to operators, such as 64Gi (default: all)."
    ),
]
DrainSeconds = Annotated[
    float,
    typer.Option(
        "--drain-s", callback=_seconds, help="Give running actions this many seconds to finish while the worker drains."
    ),
]
SHARDS_MAX = 65_536
Shards = Annotated[
    int | None,
    typer.Option(
        "--shards", min=1, max=SHARDS_MAX, help="Create a new data folder with this many shards (default: 256)."
    ),
]
Kafka = Annotated[bool, typer.Option("--kafka", help="Run an embedded Kafka between the services and keep its data.")]
Traces = Annotated[
    str,
    typer.Option(
        "--traces", help="Send a trace of each run to the OpenTelemetry collector at this HOST:PORT (OTLP over gRPC)."
    ),
]
Retention = Annotated[
    str | None,
    typer.Option(
        "--retention",
        metavar="TIME",
        help="Remove runs that ended longer ago than this, such as 30d (default: keep all).",
    ),
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Cancel the rest of the run at the first failure.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Call every operator, also those whose results are reused.")]
Notify = Annotated[
    list[str] | None,
    typer.Option("--notify", metavar="CHANNEL", help="Send a message to this channel when the run ends; repeatable."),
]
Detach = Annotated[bool, typer.Option("--detach", help="Start in the background; `penstock down` stops it.")]
WithLogs = Annotated[bool, typer.Option("--logs", help="Show what the operators print.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Run id, or a prefix or suffix that matches one run.")]
OneRun = Annotated[
    str | None, typer.Argument(metavar="RUN", help="Run id, or a prefix or suffix that matches one run.")
]


Deadline = Annotated[
    str, typer.Option(metavar="TIME", help="Cancel the run if it has not ended within this time, such as 2h.")
]


def deadline_s(text: str) -> float:
    """Return the seconds that `--deadline` was given; 0: no limit."""
    return time_s("--deadline", text) if text else 0.0


Static = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="NAME=VALUE", help="Compile with this value of a static input, JSON or text; repeatable."
    ),
]


def static_values(workflow: Workflow[..., Any], words: Sequence[str] | None) -> dict[str, Any]:
    """Return the values of the static inputs that `--input` was given."""
    from ..compiler.static_inputs import values_of

    return values_of(workflow, pairs_of("--input", words or ()))


def labels_of(words: Sequence[str]) -> dict[str, str]:
    """Return what `--label` was given."""
    return pairs_of("--label", words)


def pairs_of(option: str, words: Sequence[str]) -> dict[str, str]:
    """Return what an option was given, whose values are NAME=VALUE."""
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"invalid {option} {word!r}: expected NAME=VALUE")
        pairs[name] = value
    return pairs


def time_s(option: str, text: str) -> float:
    """Read a time such as 30d or 1.5h as seconds; raise BadParameter."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text.strip()[len(number) :]
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9 or unit not in UNITS_S:
        raise typer.BadParameter(
            f"invalid {option} {text!r}: expected a number and one of {', '.join(UNITS_S)}, as in 30d"
        )
    return value * UNITS_S[unit]
