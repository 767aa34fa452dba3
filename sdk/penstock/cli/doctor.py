"""`penstock doctor`: checks a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import Address, AsJson, Data

if TYPE_CHECKING:
    from ..doctor.findings import Finding

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def doctor(
    stuck_after_s: Annotated[
        float, typer.Option(min=0, help="Report an open run as stuck after this many seconds without progress.")
    ] = 60.0,
    gateway: Annotated[
        str,
        typer.Option(metavar="URL", help="Check this gateway, too (default: that of the stack on this machine)."),
    ] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Check the services and suggest fixes.

    The exit code is 1 if a check reports an error.
    """
    import asyncio

    from ..client.discovery import choose_address
    from ..doctor.findings import Severity
    from ..doctor.probe import ask
    from ..doctor.rules import judge
    from .live import say

    where = choose_address(address, data)
    found = judge(asyncio.run(ask(where, say=_quiet if as_json else say, gateway=gateway)), stuck_after_s)
    healthy = all(finding.severity is not Severity.ERROR for finding in found)
    if as_json:
        listed = [
            {"check": each.check, "severity": each.severity.value, "text": each.text, "remedy": each.remedy}
            for each in found
        ]
        terminal.json_out({"address": where, "healthy": healthy, "findings": listed})
    else:
        _print(found)
    return exits.SUCCEEDED if healthy else exits.FAILED


def _quiet(_: str) -> None:
    pass


def _print(found: Sequence[Finding]) -> None:
    from rich.text import Text

    from .texts import console

    out = console()
    for finding in found:
        mark = Text(f"{finding.severity:<8}", STYLES[finding.severity])
        out.print(mark + Text(f" {finding.check}: {terminal.clean(finding.text)}"))
        if finding.remedy:
            out.print(Text(f"{'':9}{terminal.clean(finding.remedy)}", "dim"))
