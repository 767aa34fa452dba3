"""Runs and workers for people: tables and lines, with everything that users wrote made harmless."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from penstock_plan.show.sizes import size
from penstock_proto.action_service.v1 import service_pb2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..client.past import PastRun
from ..client.progress import Progress
from ..client.registered import TypeInfo, WorkflowInfo, WorkflowVersion
from ..client.runs import LogLine, RunInfo
from ..client.view import RunView
from .terminal import clean, clean_lines, clock, date, line, seconds

STYLES = {
    "running": "cyan",
    "cancelling": "yellow",
    "succeeded": "green",
    "failed": "bold red",
    "cancelled": "yellow",
    "skipped": "dim",
    "waiting": "dim",
    "reused": "green",
}
DOC_CHARS_MAX = 60
# Columns where there is no terminal to fit into.
FILE_WIDTH = 140


def console(*, to_stderr: bool = False) -> Console:
    """A console that prints what it is given: no markup, no links, no emoji codes."""
    console = Console(stderr=to_stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    return console


def log_line(log: LogLine, label: str, *, one_node: bool) -> None:
    line(f"{clock(log.at_us)}  {log.text}" if one_node else f"{clock(log.at_us)}  {label}  {log.text}")


def progress_line(event: Progress) -> str:
    """One event as a line of text."""
    parts = [clock(event.at_us), event.kind.replace("_", " ")]
    if event.nodes:
        more = f" and {len(event.nodes) - 3} more" if len(event.nodes) > 3 else ""
        parts.insert(1, ", ".join(event.nodes[:3]) + more)
    if event.kind == "ended" and event.state:
        parts = [parts[0], f"run {event.state}"] + ([f"because of {event.node}"] if event.node else [])
    if event.kind == "waiting":
        return "  ".join(parts) + (f" for {seconds(event.duration_s)}" if event.duration_s else "")
    details = [f"attempt {event.attempt}" if event.attempt > 1 else ""]
    details += [seconds(event.duration_s) if event.kind in ("succeeded", "failed", "retrying") else "", event.cause]
    details += [event.message.split("\n")[0][:200]]
    details += [f"next attempt in {seconds(event.retry_delay_s)}" if event.kind == "retrying" else ""]
    shown = ", ".join(each for each in details if each)
    return "  ".join(parts) + (f" ({shown})" if shown else "")


def runs_table(runs: Sequence[RunInfo | PastRun]) -> None:
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


def pools_table(pools: Sequence[service_pb2.Pool]) -> Table:
    table = plain_table("pool", "workers", "cpu", "memory", "gpu", "running", "queued", "delayed")
    for pool in pools:
        used, has = pool.used, pool.capacity
        table.add_row(
            clean(pool.pool),
            str(pool.workers),
            f"{used.cpu_milli / 1000:g} of {has.cpu_milli / 1000:g}",
            f"{size(used.memory_bytes)} of {size(has.memory_bytes)}",
            f"{used.gpu} of {has.gpu}",
            str(pool.granted),
            str(pool.queued),
            str(pool.delayed),
        )
    return table


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


def headline(view: RunView) -> Text:
    name, version = view.options.workflow, view.options.workflow_version
    workflow = f"{name}@{version}, {view.plan.name}" if name else view.plan.name
    text = Text.assemble("run ", (view.id, "bold"), "  ", clean(workflow), "  ", state_text(view.state))
    end_us = view.ended_at_us or time.time_ns() // 1000
    if view.is_paused:
        text.append("  paused", STYLES["cancelled"])
    if view.submitted_at_us:
        text.append(f"  {seconds(max(0, end_us - view.submitted_at_us) / 1e6)}")
    if view.forked_from:
        text.append(f"  forked from {uuid.UUID(bytes=view.forked_from)}", "dim")
    if view.failed_at_end >= 0:
        text.append(f"  {clean(view.nodes[view.failed_at_end].name)} failed at its end", STYLES["failed"])
    if view.parent_run_id:
        text.append(f"  child of {uuid.UUID(bytes=view.parent_run_id)}", "dim")
    return text


def state_text(state: str) -> Text:
    return Text(str(state), style=STYLES.get(str(state), ""))


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column in ("run", "state", "took"))
    return table
