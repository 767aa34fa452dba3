"""Commands that look at runs and workers: `runs`, `show`, `events`, `workers`, `why`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from . import exits, terminal
from .options import Address, AsJson, Data, RunId

if TYPE_CHECKING:
    from pathlib import Path

    from ..client import AsyncClient, RunView

T = TypeVar("T")

# For a service to be started again, on a busy machine.
RESTART_S_MAX = 60.0
# Of one output on the screen; larger ones are shown by their beginning.
READ_JSON_BYTES = 1 << 20


def runs(
    team: Annotated[str, typer.Option(help="Show only runs of this team.")] = "",
    workflow: Annotated[str, typer.Option(help="Show only runs of the workflow with this qualified name.")] = "",
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Show only runs in this state: running, cancelling, succeeded, failed or cancelled; repeatable."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many runs.")] = 20,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List runs, newest first."""
    from ..client.view import RunState
    from . import records, texts

    known = {each.value: each for each in RunState}
    if unknown := [each for each in state or () if each not in known]:
        raise typer.BadParameter(f"unknown state {unknown[0]!r}: choose from {', '.join(known)}")
    states = [known[each] for each in state or ()]

    async def look(client: AsyncClient) -> int:
        found = await client.list(team=team, workflow=workflow, states=states, limit=limit)
        if found.databases_away:
            terminal.line(f"incomplete: {found.databases_away} databases do not answer", to_stderr=True)
        if as_json:
            terminal.json_out([records.of_info(run) for run in found])
        else:
            texts.runs_table(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def show(
    run: RunId,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="Show only this node, with its attempts and outputs.")
    ] = None,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Show a run or one of its nodes: state, outputs, timeline.

    Tables, arrays, models and files are shown by their shape and their first values. Nothing is unpickled, and no
    workflow code is executed.
    """

    from . import node_progress

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        view = await client.view(run_id)
        await node_progress.note_progress(client, view, node)
        if node is not None:
            await _show_node(client, view, node, as_json)
            return exits.SUCCEEDED
        from . import records, texts

        outputs = None
        if view.state.ended:
            outputs = await client.outputs_json(run_id, previews=True, json_bytes_max=json_bytes_max(as_json))
        if as_json:
            terminal.json_out(records.of_view(view, outputs))
        else:
            texts.whole_run(view, outputs)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


async def _show_node(client: AsyncClient, view: RunView, name: str, as_json: bool) -> None:
    from ..client.submission import node_index
    from . import node_texts, records

    node = view.nodes[node_index(view.plan, name)]
    outputs = await client.node_outputs_json(view.id, name, json_bytes_max=json_bytes_max(as_json))
    if as_json:
        terminal.json_out(records.of_node(view, node, outputs))
    else:
        node_texts.whole_node(view, node, outputs)


def events(run: RunId, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Print all recorded events of a run, in order."""
    from ..client.progress import progress
    from . import records, texts

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        plan = await client.plan((await client.get(run_id)).plan_hash)
        found: list[Any] = []
        async for batch in client.events(run_id, follow=False):
            for event in batch:
                if as_json:
                    found.append(records.of_event(event))
                else:
                    terminal.line(f"{event.seq:>8}  {texts.progress_line(progress(plan, event))}")
        if as_json:
            terminal.json_out(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def workers(as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """List the connected workers and their load."""
    from . import records, texts

    async def look(client: AsyncClient) -> int:
        found = await client.workers()
        if as_json:
            terminal.json_out([records.of_message(worker) for worker in found])
        else:
            texts.workers_table(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data, start=False)


def why(run: RunId, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Show why each unfinished node waits."""

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        reasons = await client.why(run_id)
        if as_json:
            terminal.json_out([{"node": node, "reason": reason} for node, reason in reasons])
            return exits.SUCCEEDED
        for node, reason in reasons:
            terminal.line(f"{node}: {reason}")
        if not reasons:
            terminal.line(f"The run has no waiting or running actions (state: {(await client.get(run_id)).state}).")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def json_bytes_max(as_json: bool) -> int:
    """Return up to which size JSON is fetched whole: any for a program, for people what they may read."""
    from ..client.previews import ALL_JSON_BYTES

    return ALL_JSON_BYTES if as_json else READ_JSON_BYTES


def call_with_client(
    look: Callable[[AsyncClient], Awaitable[T]],
    address: str | None,
    data: Path | None,
    *,
    execute: bool = False,
    start: bool = True,
) -> T:
    """Call a function with a client; a stack is started for the call if none is running.

    Args:
        execute: Whether it accompanies a run, also over the restart of a service.
        start: Whether a stack that was just started could answer.
    """
    import asyncio

    from ..client import AsyncClient
    from ..client.connection import PATIENCE_S
    from .stack import session

    async def call() -> T:
        async with (
            session(address, data, execute=execute, start=start) as stack,
            AsyncClient(
                stack.address, program=program(), patience_s=RESTART_S_MAX if execute else PATIENCE_S
            ) as client,
        ):
            return await look(client)

    return asyncio.run(call())


def program() -> str:
    from importlib.metadata import version

    return f"penstock-cli/{version('penstock')}"
