"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
        "--data", metavar="FOLDER", help="Use this data folder (default: PENSTOCK_HOME, then one in your home)."
    ),
]
Cpu = Annotated[float | None, typer.Option("--cpu", help="Offer this many cores to operators (default: all).")]
Gpu = Annotated[int | None, typer.Option("--gpu", help="Offer this many GPUs to operators (default: all).")]
Memory = Annotated[
    str | None, typer.Option("--memory", help="Offer this much memory to operators, such as 64Gi (default: all).")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Run id, or a prefix or suffix that matches one run.")]
