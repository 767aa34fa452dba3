"""`diff`: what differs between two plans, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, terminal
from .options import Address, AsJson, Data

if TYPE_CHECKING:
    from penstock_plan.show.outline import Outline

    from ..client import AsyncClient

Side = Annotated[
    str, typer.Argument(help="Compare this golden plan (FILE.json), workflow (FILE.py:WORKFLOW) or run (its id).")
]


def diff(old: Side, new: Side, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Say in words what differs between two plans.

    The exit code is 0 if nothing does, and 1 if something does.
    """
    from penstock_plan.show.differences import differences

    found = differences(_outline(old, address, data), _outline(new, address, data))
    if as_json:
        changes = [{"kind": each.kind, "subject": each.subject, "text": str(each)} for each in found]
        terminal.json_out({"old": old, "new": new, "same": not found, "differences": changes})
    else:
        for each in found:
            terminal.line(str(each))
        if not found:
            terminal.line("no differences")
    return exits.FAILED if found else exits.SUCCEEDED


def _outline(side: str, address: str | None, data: Path | None) -> Outline:
    from ..testing.golden import read

    if side.endswith(".json"):
        return read(Path(side))
    if side.endswith(".py") or ".py:" in side:
        return _compiled(side)
    return _of_run(side, address, data)


def _compiled(spec: str) -> Outline:
    from penstock_plan.show.outline import outline

    from ..compiler.compilation import compile
    from ..compiler.loader import isolate, load_workflow

    with isolate():  # the other side may be another version of the same files in another folder
        return outline(compile(load_workflow(spec), bundle_hash=b"").plan)


def _of_run(run: str, address: str | None, data: Path | None) -> Outline:
    from penstock_plan.show.outline import outline

    from ..client.errors import ClientError
    from .show import call_with_client

    async def look(client: AsyncClient) -> Outline:
        return outline(await client.plan((await client.get(await client.find(run))).plan_hash))

    try:
        return call_with_client(look, address, data)
    except ClientError as error:
        raise typer.BadParameter(str(error)) from error
