"""Commands that look at many runs: `stats`, `compare`, `history`."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import Address, AsJson, Data
from .show import call_with_client

if TYPE_CHECKING:
    from ..client import AsyncClient
    from ..client.past import Compared, Comparison, OperatorFigures, Statistic

BY = ("workflow", "team", "operator", "day")
DAYS_MAX = 36_500


def stats(
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", help="Give a row to each workflow, team, operator or day; repeatable (default: workflow)."
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=DAYS_MAX, help="Count the last days, at most this many, today included.")
    ] = 30,
    workflow: Annotated[str, typer.Option(help="Count only runs of the workflow with this qualified name.")] = "",
    team: Annotated[str, typer.Option(help="Count only runs of this team.")] = "",
    operator: Annotated[str, typer.Option(help="Count nodes of the operator with this qualified name.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows.")] = 20,
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Show how many runs ended how, and how long they took.

    With --by operator, or --operator, nodes are counted instead of runs. Days are those of UTC.
    """
    wanted = by or ["workflow"]
    if unknown := [each for each in wanted if each not in BY]:
        raise typer.BadParameter(f"unknown column {unknown[0]!r}: choose from {', '.join(BY)}")

    async def look(client: AsyncClient) -> int:
        found = await client.history.statistics(by=wanted, days=days, workflow=workflow, team=team, operator=operator)
        found = found[:limit]
        if as_json:
            terminal.json_out([_statistic(row, wanted) for row in found])
        else:
            _print_statistics(found, wanted)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Compare these runs, 2 to 20 of them.")],
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Compare the inputs and times of runs."""
    if len(runs) < 2:
        raise typer.BadParameter("expected at least two runs")

    async def look(client: AsyncClient) -> int:
        found = await client.history.compare([await client.find(run) for run in runs])
        if as_json:
            terminal.json_out(_comparison(found))
        else:
            _print_comparison(found)
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def rebuild(
    as_json: AsJson = False,
    address: Address = None,
    data: Data = None,
) -> int:
    """Make the history again from the logs.

    Lists and statistics are incomplete until that is done. Runs, results and logs are not touched.
    """

    async def look(client: AsyncClient) -> int:
        await client.history.rebuild()
        if as_json:
            terminal.json_out({"rebuilding": True})
        else:
            terminal.line("the history is being made again from the logs; `penstock stats` shows more and more of it")
        return exits.SUCCEEDED

    return call_with_client(look, address, data)


def _statistic(row: Statistic, by: list[str]) -> dict[str, Any]:
    keys: dict[str, Any] = {column: getattr(row, column) for column in BY if column in by}
    if "day" in keys:
        keys["day"] = _day(row.day)
    names = ("succeeded", "failed", "cancelled", "skipped", "retries", "busy_s", "p50_s", "p95_s")
    return {**keys, **{name: getattr(row, name) for name in names}}


def _day(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def _print_statistics(rows: list[Statistic], by: list[str]) -> None:
    from rich.text import Text

    from . import texts

    columns = [column for column in BY if column in by]
    counted = ("succeeded", "failed", "cancelled", "retries", "typical", "slow", "in operators")
    table = texts.plain_table(*columns, *counted)
    for row in rows:
        keys = [_day(row.day) if column == "day" else terminal.clean(getattr(row, column)) for column in columns]
        counts = [str(number) if number else "" for number in (row.succeeded, row.failed, row.cancelled, row.retries)]
        times = [terminal.seconds(row.p50_s), terminal.seconds(row.p95_s)] if row.succeeded else ["", ""]
        table.add_row(*keys, *counts, *times, terminal.seconds(row.busy_s))
    texts.console().print(table if rows else Text("nothing has ended in these days"))


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            {
                "run": str(run.id),
                "workflow": run.workflow,
                "state": run.state.value,
                "plan": run.plan_hash.hex(),
                "submitted_at_us": run.submitted_at_us,
                "duration_s": run.duration_s,
                "retries": run.retries,
                "busy_s": run.busy_us / 1e6,
                "failure": run.failure or None,
            }
            for run in found.runs
        ],
        "same_plan": found.same_plan,
        "inputs": [{"input": row.name, "values": row.values, "differs": row.differs} for row in found.inputs],
        "operators": [
            {"operator": row.name, "runs": [_figures(each) for each in row.values]} for row in found.operators
        ],
    }


def _figures(figures: OperatorFigures | None) -> dict[str, Any] | None:
    if figures is None:
        return None
    names = ("nodes", "counts", "retries", "busy_s", "waited_s", "p50_s", "p95_s", "max_s")
    return {name: getattr(figures, name) for name in names}


def _print_comparison(found: Comparison) -> None:
    from . import texts

    table = texts.plain_table("", *(str(run.id)[-12:] for run in found.runs))
    table.add_row("workflow", *(terminal.clean(run.workflow) for run in found.runs))
    table.add_row("state", *(texts.state_text(run.state) for run in found.runs))
    if not found.same_plan:
        table.add_row("plan", *(run.plan_hash.hex()[:12] for run in found.runs))
    table.add_row("submitted", *(terminal.date(run.submitted_at_us) for run in found.runs))
    table.add_row("took", *("" if run.duration_s is None else terminal.seconds(run.duration_s) for run in found.runs))
    table.add_row("retries", *(str(run.retries) for run in found.runs))
    if any(run.failure for run in found.runs):
        table.add_row("failed", *(terminal.clean(f"{run.failed_node} {run.failure}"[:60]) for run in found.runs))
    for row in found.inputs:
        table.add_row(_marked(row), *(_short(value) for value in row.values))
    for row in found.operators:
        table.add_row(terminal.clean(row.name.rpartition(":")[2]), *(_operator(value) for value in row.values))
    texts.console().print(table)


def _marked(row: Compared) -> str:
    return terminal.clean(f"{row.name} *" if row.differs else row.name)


def _short(value: object) -> str:
    import json

    text = "" if value is None else json.dumps(value, ensure_ascii=False)
    return terminal.clean(text if len(text) <= 40 else text[:37] + "...")


def _operator(figures: OperatorFigures | None) -> str:
    if figures is None:
        return ""
    return f"{figures.nodes} x {terminal.seconds(figures.p50_s)}, at most {terminal.seconds(figures.max_s)}"
