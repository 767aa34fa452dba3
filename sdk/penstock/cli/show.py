"""Commands that look at runs and workers: `runs`, `show`, `events`, `workers`, `why`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from . import exits, many_runs, terminal
from .options import Address, AsJson, Data, RunId, WithLogs

if TYPE_CHECKING:
    from pathlib import Path

    from ..client import AsyncClient, LogLine, RunInfo, RunState, RunView
    from ..client.past import PastRun

T = TypeVar("T")

# For a service to be started again, on a busy machine.
RESTART_S_MAX = 60.0
# Of one output on the screen; larger ones are shown by their beginning.
READ_JSON_BYTES = 1 << 20
# Of what operators printed: those of the whole run if asked for, and of what failed.
LINES_SHOWN = 100
FAILED_LINES_SHOWN = 10


def runs(
    ctx: typer.Context,
    team: many_runs.Team = "",
    workflow: many_runs.Workflow = "",
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Show only runs in this state: running, cancelling, succeeded, failed or cancelled; repeatable."
        ),
    ] = None,
    name: many_runs.Name = "",
    user: many_runs.User = "",
    label: many_runs.Labels = None,
    search: many_runs.Search = "",
    parent: Annotated[str, typer.Option(metavar="RUN", help="Show the child runs of this run.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many runs.")] = 20,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """List runs, newest first; `penstock runs rm` removes some.

    With --name, --user, --label or --search the history is asked, which may be a moment behind.
    """
    if ctx.invoked_subcommand is not None:
        return exits.SUCCEEDED
    from ..client.view import RunState
    from . import records, texts

    known = {each.value: each for each in RunState}
    if unknown := [each for each in state or () if each not in known]:
        raise typer.BadParameter(f"unknown state {unknown[0]!r}: choose from {', '.join(known)}")
    states = [known[each] for each in state or ()]

    wanted = many_runs.RunFilter.read(team=team, workflow=workflow, name=name, user=user, label=label, search=search)

    async def look(client: AsyncClient) -> int:
        found: Sequence[RunInfo | PastRun]
        if parent:
            children = [child.run for child in await client.children(await client.find(parent))]
            found = [run for run in children if _is_wanted(run, team, workflow, states)][:limit]
        else:
            found = await wanted.find(client, states, limit)
        if as_json:
            terminal.json_out([records.of_info(run) for run in found])
        else:
            texts.runs_table(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _is_wanted(run: RunInfo, team: str, workflow: str, states: Sequence[RunState]) -> bool:
    """Whether a child run is listed; the history's filters do not apply to it."""
    return team in ("", run.team) and workflow in ("", run.workflow) and (not states or run.state in states)


def show(
    run: RunId,
    node: Annotated[
        str | None,
        typer.Argument(metavar="NODE", help="Show only this node, with its attempts, arguments and outputs."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List every node, however many there are.")] = False,
    with_logs: WithLogs = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Show a run or one of its nodes: state, inputs, outputs.

    NODE is a node's name or what tells it from others, such as 'train[fold=2]'. A run of many nodes is summarised, what
    failed first.

    Tables, arrays, models and files are shown by their shape and their first values. Nothing is unpickled, and no
    workflow code is executed.
    """

    from . import node_progress

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        view = await client.view(run_id)
        await node_progress.note_progress(client, view, node)
        if node is not None:
            await _show_node(client, view, node, as_json, with_logs)
            return exits.SUCCEEDED
        from . import records, run_texts

        size = json_bytes_max(as_json)
        inputs, outputs = await client.inputs_json(run_id, json_bytes_max=size), None
        if view.state.ended:
            outputs = await client.outputs_json(run_id, previews=True, json_bytes_max=size)
        children = await client.children(run_id)
        if as_json:
            terminal.json_out(records.of_view(view, inputs, outputs, children))
        else:
            printed = await last_lines(client, view, everything=with_logs)
            run_texts.print_run(view, inputs, outputs, printed, children, every=every)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


async def last_lines(client: AsyncClient, view: RunView, *, everything: bool) -> list[LogLine]:
    """Return the last lines that the operators printed: of all, or of the node that failed first."""
    from ..client.printed import Window

    if not everything and view.first_failure < 0:
        return []
    node = None if everything else view.nodes[view.first_failure].name
    window = Window(last=LINES_SHOWN if everything else FAILED_LINES_SHOWN)
    return [line async for line in client.logs(view.id, node, window=window)]


async def _show_node(client: AsyncClient, view: RunView, name: str, as_json: bool, with_logs: bool) -> None:
    from ..client.submission import node_index
    from . import node_texts, records

    node = view.nodes[node_index(view.plan, name)]
    size = json_bytes_max(as_json)
    outputs = await client.node_outputs_json(view.id, node.name, json_bytes_max=size)
    arguments = await client.arguments_json(view.id, node.name, json_bytes_max=size)
    if as_json:
        terminal.json_out(records.of_node(view, node, arguments, outputs))
        return
    printed = [line async for line in client.logs(view.id, node.name)] if with_logs else None
    node_texts.whole_node(view, node, arguments, outputs, printed)


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
