"""`penstock cache`: why results were reused or not, and how they are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, RunId
from .show import call_with_client
from .terminal import counted

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.cache import Explanation

cache = typer.Typer(help="Show and forget results that later runs reuse.", rich_markup_mode=None, no_args_is_help=True)


@cache.command()
def explain(
    run: RunId,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Explain the result of this node.")],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Show why the result of a node was reused, or why it was computed: code, packages or arguments."""

    async def look(client: AsyncClient) -> int:
        found = await client.cache.explain(await client.find(run), node)
        if as_json:
            terminal.json_out(of_explanation(found))
        else:
            _print(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


@cache.command()
def invalidate(
    operator: Annotated[
        str, typer.Argument(metavar="[OPERATOR]", help="Forget results of this operator, such as flow:train.")
    ] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="Forget results that this run has computed.")] = "",
    node: Annotated[str | None, typer.Option(metavar="NODE", help="Forget only that of this node of --run.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget all results of the team.")] = False,
    team: Annotated[str, typer.Option(help="Forget results of this team (default: your own, or the run's).")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Forget results, so that later runs compute them again. Runs keep the outputs that they have."""
    if sum((bool(operator), bool(run), everything)) != 1:
        raise typer.BadParameter("expected one of OPERATOR, --run and --all")
    if node is not None and not run:
        raise typer.BadParameter("--node needs --run")

    async def look(client: AsyncClient) -> int:
        chosen = await client.find(run) if run else None
        count = await client.cache.invalidate(operator, run=chosen, node=node, team=team or None)
        if as_json:
            terminal.json_out({"forgotten": count})
        else:
            terminal.line(f"forgot {counted(count, 'result')}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def of_explanation(found: Explanation) -> dict[str, Any]:
    """An explanation as JSON."""
    from .records import origin

    return {
        "run": str(found.run),
        "node": found.node,
        "operator": found.operator,
        "attempt": found.attempt,
        "hit": found.is_hit,
        "reason": found.reason or None,
        "differences": list(found.differences),
        "origin": origin(found.origin) if found.origin is not None else None,
        "key": [{"kind": each.kind, "name": each.name, "value": each.value} for each in found.parts],
    }


def _print(found: Explanation) -> None:
    from .records import origin

    line = terminal.line
    shown = origin(found.origin) if found.origin is not None else {}
    if found.is_hit:
        line(f"{found.node} was reused from node {shown['node']} of run {shown['run']}")
        counts = dict.fromkeys(each.kind for each in found.parts)
        line(f"  the same: {', '.join(counts)}")
        return
    line(f"{found.node} was computed: {found.reason}")
    for difference in found.differences:
        line(f"  {difference}")
    if shown:
        line(f"  compared with the latest result of {found.operator}: node {shown['node']} of run {shown['run']}")
