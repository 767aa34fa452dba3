"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for programs.")]
Address = Annotated[
    str | None,
    typer.Option("--address", help="HOST:PORT of the services; else PENSTOCK_ADDRESS, else the stack of this machine."),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of the stack; else PENSTOCK_HOME, else the user's data folder."),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or enough of its beginning or end.")]
