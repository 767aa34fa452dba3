"""The command `open`: the pages of the console."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import AsJson, Data
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient


def open_page(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Show this run (default: the list of all runs).")
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Show a run in a browser, on the console of this stack.

    The address is printed, too. With --json, it is only printed.
    """
    from ..client import discovery

    running = discovery.find(data or discovery.data_folder())
    if running is None or not running.http:
        terminal.line("no console runs on this machine; `penstock up` starts one", to_stderr=True)
        return exits.FAILED
    page = f"{running.url}/runs"
    found: list[str] = []

    async def look(client: AsyncClient) -> int:
        if run is not None:
            found.append(str(await client.find(run)))
        return exits.SUCCEEDED

    if run is not None:
        call_with_client(look, running.address, data)
        page = f"{page}/{found[0]}"
    if as_json:
        terminal.json_out({"url": page})
    else:
        terminal.line(page)
        if running.token_file:
            terminal.line(f"sign in with the token in {running.token_file}", to_stderr=True)
        webbrowser.open(page)
    return exits.SUCCEEDED
