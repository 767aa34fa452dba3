"""The command `artifacts`: what runs made, where it is from, what used it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.lineage import Artifact, Lineage

HASH_CHARS = 64
HASH_CHARS_SHOWN = 12


def artifacts(
    artifact: Annotated[
        str | None,
        typer.Argument(metavar="[HASH]", help="Show where this artifact is from, and what used it (default: a list)."),
    ] = None,
    type_name: Annotated[str, typer.Option("--type", help="List only artifacts of this type.")] = "",
    workflow: Annotated[str, typer.Option(help="List only those of this workflow, by its qualified name.")] = "",
    operator: Annotated[str, typer.Option(help="List only outputs of this operator, by its qualified name.")] = "",
    team: Annotated[str, typer.Option(help="List only those of this team.")] = "",
    search: Annotated[
        str, typer.Option(help="List those whose type, workflow or operator contains this text, in any case.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 20,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List artifacts of runs, or show the lineage of one.

    An artifact is a value that is not small JSON: a table, an array, a model, a file.
    """
    if artifact is not None and (len(artifact) != HASH_CHARS or set(artifact) - set("0123456789abcdef")):
        raise typer.BadParameter(f"invalid hash {artifact!r}: expected a SHA-256, {HASH_CHARS} digits of 0-9 and a-f")

    async def look(client: AsyncClient) -> int:
        if artifact is not None:
            return _print_lineage(artifact, await client.history.lineage(artifact), as_json)
        wanted = {"type": type_name, "workflow": workflow, "operator": operator, "team": team, "search": search}
        found = await client.history.artifacts(**wanted, limit=limit)
        if as_json:
            terminal.json_out([_shown(one) for one in found])
        else:
            _print_list(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _print_list(found: list[Artifact]) -> None:
    from penstock_plan.show.sizes import size

    from . import texts

    table = texts.plain_table("artifact", "type", "size", "run", "made by", "recorded")
    for one in found:
        made_by = f"{one.node}.{one.port}" if one.node else f"input {one.port}"
        table.add_row(
            one.hash[:HASH_CHARS_SHOWN],
            terminal.clean(one.type),
            size(one.size_bytes),
            str(one.run)[-12:],
            terminal.clean(made_by),
            terminal.date(one.recorded_at_us),
        )
    texts.console().print(table if found else "no artifact was recorded")


def _print_lineage(artifact: str, found: Lineage, as_json: bool) -> int:
    if not found.made and not found.given:
        terminal.line(
            f"no run recorded artifact {artifact}; `penstock artifacts` lists those there are", to_stderr=True
        )
        return exits.FAILED
    if as_json:
        used = [{**dataclasses.asdict(one), "run": str(one.run)} for one in found.used]
        shown = {"made": [_shown(one) for one in found.made], "given": [_shown(one) for one in found.given]}
        terminal.json_out({"artifact": artifact, **shown, "used": used, "more": found.more})
        return exits.SUCCEEDED
    for one in found.made:
        terminal.line(terminal.clean(f"made by {one.node} of run {one.run}, as {one.port}"))
    for one in found.given:
        terminal.line(terminal.clean(f"given to run {one.run}, as {one.port}"))
    for one in found.used:
        by = f"{one.node}, as {one.argument}" if one.node else f"the run as its output {one.argument}"
        terminal.line(terminal.clean(f"used in run {one.run} by {by}"))
    if found.more:
        terminal.line("and more")
    return exits.SUCCEEDED


def _shown(one: Artifact) -> dict[str, Any]:
    shown = dataclasses.asdict(one)
    del shown["plan_hash"], shown["index"], shown["place"]
    return {**shown, "run": str(one.run), "plan": one.plan_hash.hex(), "node": one.node or None}
