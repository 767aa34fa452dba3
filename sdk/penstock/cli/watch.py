"""Commands that accompany a run: `watch`, `logs`, `cancel`."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from . import exits, many_runs, terminal
from .options import Address, AsJson, Data, OneRun, RunId, WithLogs
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient


def watch(
    run: RunId, with_logs: WithLogs = False, as_json: AsJson = False, address: Address = None, data: Data = None
) -> int:
    """Show the progress of a run until it ends.

    If no services are running, it starts them and the run resumes. The exit code reports the result.
    """
    from .run import follow_existing

    return follow_existing(run, with_logs, as_json, address, data)


def logs(
    run: RunId,
    node: Annotated[str | None, typer.Argument(metavar="NODE", help="Show only the lines of this node.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until the run ends.")] = False,
    tail: Annotated[int, typer.Option(min=0, max=20_000, help="Print only this many of the last lines.")] = 0,
    search: Annotated[str, typer.Option(metavar="TEXT", help="Print only lines with this text, in any case.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Print what the operators of a run wrote.

    These are the lines of stdout and stderr. Then, or with --follow as they go on, it prints how far the running ones
    say they are; with --json these entries have the field progress.
    """
    from penstock_plan.show.labels import labels

    from ..client.printed import Window
    from . import node_progress, texts

    if follow and tail:
        raise typer.BadParameter("--tail prints what is there; leave out --follow", param_hint="--tail")
    window = Window(last=tail, text=search)

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        info = await client.get(run_id)
        plan = await client.plan(info.plan_hash)
        shown = dict(zip((each.name for each in plan.nodes), labels(plan), strict=True))
        found: list[dict[str, object]] = []
        printed = node_progress.print_while_running(client, info, node, follow=follow and not as_json)
        async with printed, aclosing(client.logs(info, node, follow=follow, window=window)) as lines:
            async for line in lines:
                if as_json:
                    found.append({"node": line.node, "attempt": line.attempt, "at_us": line.at_us, "text": line.text})
                else:
                    texts.log_line(line, shown.get(line.node, line.node), one_node=node is not None)
        is_running = not follow and not (await client.get(run_id)).state.ended
        for said in await node_progress.running_progress(client, info, node) if is_running else ():
            if as_json:
                found.append(node_progress.progress_json(said))
            else:
                node_progress.print_progress(said)
        if as_json:
            terminal.json_out(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data, execute=follow)


def cancel(
    run: OneRun = None,
    reason: Annotated[str, typer.Option(help="Record this reason with the run.")] = "",
    team: many_runs.Team = "",
    workflow: many_runs.Workflow = "",
    name: many_runs.Name = "",
    user: many_runs.User = "",
    label: many_runs.Labels = None,
    search: many_runs.Search = "",
    submitted_since: many_runs.SubmittedSince = "",
    dry_run: many_runs.DryRun = False,
    yes: many_runs.Yes = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Cancel a run, or all that match.

    No further actions start; running ones are stopped.

    Actions that have ended stay recorded, with their outputs.
    """
    wanted = many_runs.RunFilter.read(
        team=team,
        workflow=workflow,
        name=name,
        user=user,
        label=label,
        search=search,
        submitted_since=submitted_since,
    )
    bulk = many_runs.Bulk("cancel", "cancelled", wanted, dry_run, yes, as_json)
    bulk.check(run)

    async def look(client: AsyncClient) -> int:
        if run is None:
            from ..client.view import RunState

            states = [RunState.RUNNING, RunState.CANCELLING]
            return await bulk.apply(client, states, lambda one: client.cancel(one, reason))
        run_id = await client.find(run)
        state = await client.cancel(run_id, reason)
        if as_json:
            terminal.json_out({"run": str(run_id), "state": state.value})
        else:
            terminal.line(f"run {run_id}: {state}")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)
