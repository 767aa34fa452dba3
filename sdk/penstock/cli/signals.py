"""Commands that end what runs wait for: `signal`, `approve`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, RunId
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient

Comment = Annotated[str, typer.Option(help="Record this with the run.")]


def signal(
    run: RunId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Send it to the node of this name.")],
    value: Annotated[str, typer.Option(metavar="JSON", help="Send this value.")] = "null",
    comment: Comment = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Send a value to a run that waits for it, or will.

    It is refused if its type is wrong, and if it was sent before. `penstock why RUN` says what a run waits for.
    """
    sent = _parsed(value)

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        await client.signal(run_id, name, sent, comment=comment)
        return _done(str(run_id), name, sent, f"received signal {name}", as_json)

    return call_with_client(look, address, data)


def approve(
    run: RunId,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Answer the node of this name (default: the only one that asks)."),
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Deny it.")] = False,
    comment: Comment = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Answer a question of a run with yes, or with no.

    `penstock why RUN` shows the question.
    """

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        found = await client.approve(run_id, name, denied=deny, comment=comment)
        return _done(str(run_id), found, not deny, f"{'denied' if deny else 'approved'} {found}", as_json)

    return call_with_client(look, address, data)


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        quoted = json.dumps(value)
        raise typer.BadParameter(f"invalid --value {value!r}: {error}; of a text write --value '{quoted}'") from None


def _done(run: str, name: str, value: Any, text: str, as_json: bool) -> int:
    if as_json:
        terminal.json_out({"run": run, "name": name, "value": value})
    else:
        terminal.line(f"run {run}: {text}")
    return exits.SUCCEEDED
