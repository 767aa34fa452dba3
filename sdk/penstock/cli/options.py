"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Where the services are; else PENSTOCK_ADDRESS, else the stack on this machine.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="The stack's data; else PENSTOCK_HOME, else a folder in your home."),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or enough of its beginning or end.")]
