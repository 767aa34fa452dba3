"""What is done about runs: `fork`, `retry`, `pause`, `resume`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, inputs, many_runs, terminal
from .options import Address, AsJson, Data, OneRun, RunId, WithLogs
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient, Run
    from ..client.forks import ForkPlan, NodePlan

# Reasons and operators that are named; of the nodes half as many.
NODES_SHOWN = 20


def fork(
    run: RunId,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.py:WORKFLOW",
            help="Use the code of this workflow (default: the run's own workflow, from the files of this folder).",
        ),
    ] = None,
    again: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NODE", help="Run this node and what depends on it; repeatable."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Run items again that failed and were left out of a list.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="NODE", help="Use results of this node although its code changed; repeatable."),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="NAME=VALUE", help="Use this value for an input; repeatable."),
    ] = None,
    same_code: Annotated[
        bool, typer.Option("--same-code", help="Use the code that the run was submitted with.")
    ] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be reused and what would run, and start nothing.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Submit the run, print its id and exit; it continues.")
    ] = False,
    with_logs: WithLogs = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Start a run of new code on the results of an earlier run.

    A node is reused if it has succeeded, and its operator's code with all that it calls in the project, its inputs and
    the nodes before it are unchanged. Before it starts, the command shows what is reused, and what runs and why.
    """
    from .run import Job

    if same_code and target is not None:
        raise typer.BadParameter("--same-code uses the run's own code: omit FILE.py:WORKFLOW, or the option")
    words = [f"--{each}" for each in _named(input_ or [])]

    async def planned(client: AsyncClient) -> ForkPlan:
        wanted = {"again": again or (), "failed_again": failed, "keep": keep or ()}
        return await _planned(client, run, target, words, wanted, same_code=same_code)

    async def look(client: AsyncClient) -> int:
        found = await planned(client)
        terminal.json_out(record(found)) if as_json else print_plan(found)
        return exits.SUCCEEDED

    async def begin(client: AsyncClient) -> Run:
        found = await planned(client)
        print_plan(found, to_stderr=as_json)
        return await client.repair.start(found)

    if only_plan:
        return call_with_client(look, address, data)
    return Job(as_json=as_json, detach=detach, with_logs=with_logs).accompany(address, data, begin=begin)


async def _planned(
    client: AsyncClient, run: str, target: str | None, words: list[str], wanted: Mapping[str, Any], *, same_code: bool
) -> ForkPlan:
    origin = await client.get(await client.find(run))
    plan = await client.plan(origin.plan_hash)
    workflow = None if same_code else _workflow(plan.name, target)
    given = _given(plan if workflow is None else workflow, words, target or run)
    return await client.repair.plan(origin, workflow, inputs=given, **wanted)


def _named(words: list[str]) -> list[str]:
    for each in words:
        if "=" not in each.strip("="):
            raise typer.BadParameter(f"invalid --input {each!r}: expected NAME=VALUE")
    return words


def _workflow(name: str, target: str | None) -> Any:
    """Return the workflow of a file, or the one of this name that the files of this folder have."""
    from ..compiler.loader import load_workflow

    module, _, qualname = name.partition(":")
    stem = Path(*module.split("."))
    file = next((each for each in (stem.with_suffix(".py"), stem / "__init__.py") if each.is_file()), None)
    if target is None and file is None:
        raise typer.BadParameter(
            f"the run is of {name}, and {stem.with_suffix('.py')} is not in this folder: "
            "give FILE.py:WORKFLOW, or --same-code"
        )
    return load_workflow(target or f"{file}:{qualname}")


def _given(workflow: Any, words: list[str], target: str) -> Mapping[str, Any]:
    """Read the inputs that were given; those that were not need not be."""
    from penstock_plan import form
    from penstock_proto.plan.v1.plan_pb2 import Plan

    from .run import form_of, typed

    is_plan = isinstance(workflow, Plan)
    own = form.of(workflow.name, workflow.doc, workflow.inputs) if is_plan else form_of(workflow)
    values = inputs.read(target, {**own, "required": []}, inputs.Words(words, (), ()))
    return values if is_plan else typed(workflow, values)


def record(plan: ForkPlan) -> dict[str, Any]:
    """Return what a fork would do as JSON."""
    return {
        "forked_from": str(plan.origin),
        "workflow": plan.prepared.plan.name,
        "plan": plan.prepared.plan_hash.hex(),
        "reused": plan.reused,
        "runs": len(plan.nodes) - plan.reused,
        "nodes": [
            {"node": each.node, "operator": each.operator, "reused": each.is_reused, "reasons": list(each.reasons)}
            for each in plan.nodes
        ],
        "left_out": list(plan.left_out),
    }


def print_plan(plan: ForkPlan, *, to_stderr: bool = False) -> None:
    """Print what a fork reuses, and what runs and why: those nodes first whose own reasons these are."""

    def line(text: str) -> None:
        terminal.line(text, to_stderr=to_stderr)

    again = [each for each in plan.nodes if not each.is_reused]
    line(f"fork of run {plan.origin}: {plan.reused} of {len(plan.nodes)} nodes are reused, {_runs(len(again))}")
    if plan.reused:
        line(f"  reused: {_counted([each for each in plan.nodes if each.is_reused])}")
    if plan.left_out:
        text = ", ".join(plan.left_out[:NODES_SHOWN]) + (", ..." if len(plan.left_out) > NODES_SHOWN else "")
        line(f"  left out as before: {text} (--failed runs them again)")
    own = [each for each in again if not _is_follower(each)]
    alike: dict[tuple[str, ...], list[NodePlan]] = {}
    for each in own:
        alike.setdefault(each.reasons, []).append(each)
    for reasons, nodes in list(alike.items())[:NODES_SHOWN]:
        line(f"  runs: {_counted(nodes)}, because {'; '.join(reasons)}")
    if len(alike) > NODES_SHOWN:
        line(f"  and more, for {len(alike) - NODES_SHOWN} other reasons (--plan --json lists all)")
    if rest := [each for each in again if _is_follower(each)]:
        line(f"  runs: {_counted(rest)}, because nodes before run again")


def _is_follower(node: NodePlan) -> bool:
    return all(reason.endswith(" runs again") or reason == "it was skipped" for reason in node.reasons)


def _runs(count: int) -> str:
    return f"{count} {'runs' if count == 1 else 'run'}"


def _counted(nodes: list[NodePlan]) -> str:
    """Return how many nodes of each operator there are, or their names if they are few."""
    if len(nodes) <= NODES_SHOWN // 2:
        return ", ".join(each.node for each in nodes)
    counts = Counter(each.operator.rpartition(":")[2] or "others" for each in nodes)
    return ", ".join(f"{name} ({count})" for name, count in counts.most_common(NODES_SHOWN))


def retry(
    run: OneRun = None,
    team: many_runs.Team = "",
    workflow: many_runs.Workflow = "",
    name: many_runs.Name = "",
    user: many_runs.User = "",
    label: many_runs.Labels = None,
    search: many_runs.Search = "",
    submitted_since: many_runs.SubmittedSince = "",
    failed_since: Annotated[
        str, typer.Option(metavar="TIME", help="Choose runs that failed within this time, such as 1h.")
    ] = "",
    dry_run: many_runs.DryRun = False,
    yes: many_runs.Yes = False,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Run again what did not succeed in a run.

    A filter instead of RUN means all failed runs that match. The results that there are stay. The code is that of the
    run: `penstock fork` uses today's.
    """
    wanted = many_runs.RunFilter.read(
        team=team,
        workflow=workflow,
        name=name,
        user=user,
        label=label,
        search=search,
        submitted_since=submitted_since,
        ended_since=("--failed-since", failed_since),
    )
    bulk = many_runs.Bulk("retry", "retried", wanted, dry_run, yes, as_json)
    bulk.check(run)

    async def look(client: AsyncClient) -> int:
        if run is None:
            from ..client.view import RunState

            return await bulk.apply(client, [RunState.FAILED], client.repair.retry)
        run_id = await client.find(run)
        count = await client.repair.retry(run_id)
        if as_json:
            terminal.json_out({"run": str(run_id), "reopened": count})
        else:
            terminal.line(f"run {run_id}: {count} nodes wait again" if count else f"run {run_id} is open already")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def pause(
    run: RunId,
    reason: Annotated[str, typer.Option(help="Record this reason with the run.")] = "",
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Let nothing new of a run start; what runs goes on. `penstock resume` lets it go on."""

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        await client.repair.pause(run_id, reason)
        _print_paused(run_id, as_json, paused=True)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def resume(run: RunId, as_json: AsJson = False, address: Address = None, data: Data = None) -> int:
    """Let a paused run go on."""

    async def look(client: AsyncClient) -> int:
        run_id = await client.find(run)
        await client.repair.resume(run_id)
        _print_paused(run_id, as_json, paused=False)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _print_paused(run_id: Any, as_json: bool, *, paused: bool) -> None:
    if as_json:
        terminal.json_out({"run": str(run_id), "paused": paused})
    else:
        terminal.line(f"run {run_id} {'is paused' if paused else 'goes on'}")
