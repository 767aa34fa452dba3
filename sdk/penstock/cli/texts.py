"""Runs and workers for people: tables and lines, with everything that users wrote made harmless."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from penstock_plan.show.sizes import size
from penstock_proto.action_service.v1 import service_pb2
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..client.progress import Progress
from ..client.registered import TypeInfo, WorkflowInfo, WorkflowVersion
from ..client.runs import LogLine, RunInfo
from ..client.view import NodeState, NodeView, RunView
from . import output_texts
from .node_progress import progress_text
from .terminal import clean, clean_lines, clock, date, line, seconds
from .timeline import timeline

STYLES = {
    "running": "cyan",
    "cancelling": "yellow",
    "succeeded": "green",
    "failed": "bold red",
    "cancelled": "yellow",
    "skipped": "dim",
    "waiting": "dim",
}
NODES_SHOWN_MAX = 200
DOC_CHARS_MAX = 60
# Columns where there is no terminal to fit into.
FILE_WIDTH = 140


def console(*, to_stderr: bool = False) -> Console:
    """A console that prints what it is given: no markup, no links, no emoji codes."""
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def log_line(log: LogLine, *, one_node: bool) -> None:
    line(f"{clock(log.at_us)}  {log.text}" if one_node else f"{clock(log.at_us)}  {log.node}  {log.text}")


def progress_line(event: Progress) -> str:
    """One event as a line of text."""
    parts = [clock(event.at_us), event.kind.replace("_", " ")]
    if event.nodes:
        more = f" and {len(event.nodes) - 3} more" if len(event.nodes) > 3 else ""
        parts.insert(1, ", ".join(event.nodes[:3]) + more)
    if event.kind == "ended" and event.state:
        parts = [parts[0], f"run {event.state}"] + ([f"because of {event.node}"] if event.node else [])
    details = [f"attempt {event.attempt}" if event.attempt > 1 else ""]
    details += [seconds(event.duration_s) if event.kind in ("succeeded", "failed", "retrying") else "", event.cause]
    details += [event.message.split("\n")[0][:200]]
    details += [f"next attempt in {seconds(event.retry_delay_s)}" if event.kind == "retrying" else ""]
    shown = ", ".join(each for each in details if each)
    return "  ".join(parts) + (f" ({shown})" if shown else "")


def runs_table(runs: Sequence[RunInfo]) -> None:
    table = plain_table("run", "workflow", "state", "nodes", "submitted", "took", "team", "user")
    for run in runs:
        took_us = (run.ended_at_us or time.time_ns() // 1000) - run.submitted_at_us
        table.add_row(
            str(run.id),
            clean(f"{run.name}@{run.version}" if run.name else run.workflow),
            state_text(run.state),
            str(run.nodes),
            date(run.submitted_at_us),
            seconds(max(took_us, 0) / 1e6),
            clean(run.team),
            clean(run.user),
        )
    console().print(table if runs else Text("no runs"))


def workflows_table(workflows: Sequence[WorkflowInfo]) -> None:
    table = plain_table("name", "latest", "aliases", "team", "updated", "about")
    for each in workflows:
        aliases = ", ".join(f"{alias} {version}" for alias, version in each.aliases.items())
        about = " ".join(each.doc.split())[:DOC_CHARS_MAX]
        name, team = clean(each.name), clean(each.team)
        table.add_row(name, str(each.latest), clean(aliases), team, date(each.updated_at_us), clean(about))
    console().print(table if workflows else Text("no workflows; `penstock deploy FILE.py` deploys one"))


def versions_table(workflow: WorkflowInfo, versions: Sequence[WorkflowVersion]) -> None:
    table = plain_table("version", "aliases", "deployed", "user", "nodes", "workflow", "changes of inputs")
    for each in versions:
        aliases = [alias for alias, version in workflow.aliases.items() if version == each.version]
        table.add_row(
            str(each.version),
            clean(", ".join(aliases)),
            date(each.published_at_us),
            clean(each.user),
            str(each.nodes),
            clean(each.workflow),
            clean_lines("\n".join(map(str, each.changes))),
        )
    line(f"{workflow.name}" + (f", team {workflow.team}" if workflow.team else ""))
    console().print(table)


def types_table(versions: Sequence[TypeInfo]) -> None:
    table = plain_table("version", "fields", "brought by", "deployed")
    for each in versions:
        fields = "\n".join(f"{name}: {kind}" for name, kind in each.fields.items())
        table.add_row(str(each.version), clean_lines(fields), clean(each.workflow), date(each.published_at_us))
    console().print(table)


def workflow_version(version: WorkflowVersion) -> None:
    line(f"{version}  {version.workflow}, {version.nodes} nodes" + (f", team {version.team}" if version.team else ""))
    line(f"  deployed {date(version.published_at_us)} by {version.user}")
    line(f"  plan {version.plan_hash.hex()}")
    line(f"  bundle {version.bundle.hex() or 'none'}")
    for name, number in version.types.items():
        line(f"  type {name}@{number}")
    for change in version.changes:
        line(f"  {change}")


def workers_table(workers: Sequence[service_pb2.Worker]) -> None:
    table = plain_table("worker", "pool", "executor", "cpu", "memory", "gpu", "actions", "silent")
    for worker in workers:
        used, has = worker.used, worker.capacity
        table.add_row(
            clean(worker.worker) + (" (draining)" if worker.draining else ""),
            clean(worker.pool),
            clean(worker.executor),
            f"{used.cpu_milli / 1000:g} of {has.cpu_milli / 1000:g}",
            f"{size(used.memory_bytes)} of {size(has.memory_bytes)}",
            f"{used.gpu} of {has.gpu}",
            str(worker.actions),
            seconds(worker.silent_s),
        )
    console().print(table if workers else Text("no worker is connected"))


def whole_run(view: RunView, outputs: dict[str, Any] | None) -> None:
    """Print all there is to say about a run."""
    out = console()
    out.print(headline(view))
    out.print(nodes_table(view, NODES_SHOWN_MAX))
    for part in ending(view, outputs, out.width):
        out.print(part)


def headline(view: RunView) -> Text:
    name, version = view.options.workflow, view.options.workflow_version
    workflow = f"{name}@{version}, {view.plan.name}" if name else view.plan.name
    text = Text.assemble("run ", (view.id, "bold"), "  ", clean(workflow), "  ", state_text(view.state))
    end_us = view.ended_at_us or time.time_ns() // 1000
    if view.submitted_at_us:
        text.append(f"  {seconds(max(0, end_us - view.submitted_at_us) / 1e6)}")
    return text


def nodes_table(view: RunView, rows_max: int) -> Group:
    """The nodes in the order of the plan; if they are too many, those that something happens to first."""
    table = plain_table("node", "state", "attempt", "took", "")
    nodes = view.nodes
    if len(nodes) > rows_max:
        urgent = {NodeState.RUNNING: 0, NodeState.FAILED: 1, NodeState.WAITING: 3}
        nodes = sorted(nodes, key=lambda node: (urgent.get(node.state, 2), -node.ended_at_us, node.index))[:rows_max]
    for node in nodes:
        table.add_row(*_node_cells(node))
    counts = ", ".join(f"{count} {state}" for state, count in view.counts().items() if count)
    rest = Text(f"{len(view.nodes)} nodes: {counts}", style="dim")
    return Group(table, rest) if len(nodes) < len(view.nodes) else Group(table)


def ending(view: RunView, outputs: dict[str, Any] | None, width: int) -> list[RenderableType]:
    """Outputs or the failure, then the timeline."""
    parts: list[RenderableType] = []
    if view.failed_node >= 0:
        parts += ["", failure(view.nodes[view.failed_node])]
    if view.state == "cancelled":
        by = f" by {view.cancelled_by}" if view.cancelled_by else ""
        parts += [
            "",
            Text(clean(f"cancelled{by}" + (f": {view.cancel_reason}" if view.cancel_reason else "")), "yellow"),
        ]
    parts += output_texts.printed(outputs or {}, view.id)
    lines = timeline(view, width, time.time_ns() // 1000 if not view.ended_at_us else view.ended_at_us)
    if lines:
        parts += ["", *(Text(each, no_wrap=True, overflow="crop") for each in lines)]
    return parts


def state_text(state: str) -> Text:
    return Text(str(state), style=STYLES.get(str(state), ""))


def _node_cells(node: NodeView) -> list[RenderableType]:
    last = node.attempts[-1] if node.attempts else None
    took_us = node.duration_us
    if node.state is NodeState.RUNNING and last and last.started_at_us:
        took_us = max(0, time.time_ns() // 1000 - last.started_at_us)
    note = node.skip_reason
    if node.progress is not None and node.state is NodeState.RUNNING:
        note = progress_text(node.progress)
    elif last and last.cause:
        message = last.failure.message.split("\n")[0] if last.failure else ""
        note = f"{last.cause}: {message}" if message else last.cause
        if last.retry_delay_s is not None and node.state is NodeState.WAITING:
            note += f"; again in {seconds(last.retry_delay_s)}"
        if node.state is NodeState.SUCCEEDED:
            note = ""
    return [
        Text(clean(node.name)),
        state_text(node.state),
        str(last.number) if last and last.number > 1 else "",
        seconds(took_us / 1e6) if took_us else "",
        Text(clean(note), style="red" if node.state is NodeState.FAILED else "dim", overflow="ellipsis", no_wrap=True),
    ]


def failure(node: NodeView) -> Text:
    """Why a node failed, with the traceback that the operator left."""
    last = node.attempts[-1] if node.attempts else None
    said = last.failure if last else None
    text = Text(f"node {clean(node.name)} failed", style="bold red")
    text.append(f" ({clean(node.operator)}, called at {clean(node.place)})" if node.place else "", style="not bold")
    if said is not None:
        kind = f"{said.type}: " if said.type else ""
        text.append(f"\n{last.cause if last else ''}: {clean_lines(kind + said.message)}", style="not bold")
        if said.traceback:
            text.append("\n" + clean_lines(said.traceback.rstrip()), style="not bold default")
    return text


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in ("run", "state", "took"))
    return table
