"""A run as text: its nodes, or a summary of them if they are many; what failed first; outputs and timeline."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..client.children import ChildRun
from ..client.runs import LogLine
from ..client.view import NodeState, NodeView, RunView
from . import output_texts, previews
from .node_progress import progress_text
from .terminal import clean, clean_lines, clock, seconds
from .texts import console, headline, plain_table, state_text
from .timeline import ROWS_MAX, timeline

# A run of more nodes is summarised.
NODES_SHOWN_MAX = 40
OPERATORS_SHOWN_MAX = 15
# Of such a run, those that took longest.
TIMELINE_ROWS_MAX = 20
FAILURES_SHOWN_MAX = 10
RUNNING_SHOWN_MAX = 10
LABEL_CHARS_MAX = 48
INPUT_CHARS_MAX = 60
# In this order where there is not room for all.
URGENCY = {NodeState.FAILED: 0, NodeState.RUNNING: 1, NodeState.CANCELLED: 2, NodeState.WAITING: 4}


def print_run(
    view: RunView,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any] | None,
    printed: Sequence[LogLine],
    children: Sequence[ChildRun] = (),
    *,
    every: bool = False,
) -> None:
    """Print all there is to say about a run."""
    out = console()
    out.print(headline(view))
    if inputs:
        out.print(Text(clean(_inputs(inputs)), style="dim"))
    out.print(summary(view) if len(view.nodes) > NODES_SHOWN_MAX and not every else nodes_table(view, len(view.nodes)))
    if children:
        out.print("", _children_table(children))
    for part in ending(view, outputs, printed, out.width):
        out.print(part)


def _children_table(children: Sequence[ChildRun]) -> Table:
    table = plain_table("child run of", "run", "workflow", "state")
    for child in children[:NODES_SHOWN_MAX]:
        table.add_row(clean(child.node), str(child.run.id), clean(child.run.workflow), state_text(child.run.state))
    if len(children) > NODES_SHOWN_MAX:
        table.add_row("", f"and {len(children) - NODES_SHOWN_MAX} more: penstock runs --parent", "", "")
    return table


def _inputs(inputs: Mapping[str, Any]) -> str:
    return "inputs: " + ", ".join(f"{name}={short(value)}" for name, value in inputs.items())


def short(value: Any) -> str:
    """Return a value in one line."""
    if previews.is_previewed(value):
        return previews.preview_lines(value)[0]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= INPUT_CHARS_MAX else text[: INPUT_CHARS_MAX - 1] + "…"


def nodes_table(view: RunView, rows_max: int) -> Group:
    """The nodes in the order of the plan; if they are too many, those that failed or run first."""
    nodes = view.nodes
    if len(nodes) > rows_max:
        nodes = sorted(nodes, key=_urgency)[:rows_max]
    rest: list[Text] = []
    if len(nodes) < len(view.nodes):
        rest = [Text(f"{len(view.nodes)} nodes: {counts_text(view.nodes)}", style="dim")]
    return Group(_table(view, nodes), *rest)


def _urgency(node: NodeView) -> tuple[int, int, int]:
    return URGENCY.get(node.state, 3), -node.ended_at_us, node.index


def _table(view: RunView, nodes: Sequence[NodeView]) -> Table:
    """A column with the names only where labels say something else."""
    named = any(view.labels[node.index] != node.name for node in nodes)
    table = plain_table("node", *(("name",) if named else ()), "state", "attempt", "took", "")
    for node in nodes:
        label, *rest = _node_cells(view, node)
        name = node.name if view.labels[node.index] != node.name else ""
        table.add_row(label, *((Text(clean(name), style="dim"),) if named else ()), *rest)
    return table


def _node_cells(view: RunView, node: NodeView) -> list[RenderableType]:
    last = node.attempts[-1] if node.attempts else None
    took_us = node.duration_us
    if node.state is NodeState.RUNNING and last and last.started_at_us:
        took_us = max(0, time.time_ns() // 1000 - last.started_at_us)
    return [
        Text(label_text(view, node)),
        state_text(node.shown_state),
        str(last.number) if last and last.number > 1 else "",
        seconds(took_us / 1e6) if took_us else "",
        _note_text(node),
    ]


def _note_text(node: NodeView) -> Text:
    style = "red" if node.state is NodeState.FAILED else "dim"
    return Text(clean(_note(node)), style, overflow="ellipsis", no_wrap=True)


def label_text(view: RunView, node: NodeView) -> str:
    """What a node is called for people."""
    label = clean(view.labels[node.index])
    return label if len(label) <= LABEL_CHARS_MAX else label[: LABEL_CHARS_MAX - 1] + "…"


def _note(node: NodeView) -> str:
    if node.progress is not None and node.state is NodeState.RUNNING:
        return progress_text(node.progress)
    last = node.attempts[-1] if node.attempts else None
    if last is None or not last.cause or node.state is NodeState.SUCCEEDED:
        return node.skip_reason
    message = last.failure.message.split("\n")[0] if last.failure else ""
    note = f"{last.cause}: {message}" if message else last.cause
    if last.retry_delay_s is not None and node.state is NodeState.WAITING:
        note += f"; again in {seconds(last.retry_delay_s)}"
    return note


def summary(view: RunView) -> Group:
    """Many nodes: how many of each operator are in which state, those that failed, and those that run."""
    groups: dict[str, list[NodeView]] = {}
    for node in view.nodes:
        groups.setdefault(node.operator.rpartition(":")[2] or node.kind, []).append(node)
    states = [state for state in NodeState if any(node.state is state for node in view.nodes)]
    table = plain_table("operator", "nodes", *states, "took each", "in all")
    for name, nodes in list(groups.items())[:OPERATORS_SHOWN_MAX]:
        counts = [sum(node.state is state for node in nodes) for state in states]
        table.add_row(Text(clean(name)), str(len(nodes)), *_count_cells(states, counts), *_times(nodes))
    parts: list[RenderableType] = [Text(f"{len(view.nodes)} nodes: {counts_text(view.nodes)}"), table]
    if len(groups) > OPERATORS_SHOWN_MAX:
        parts.append(Text(f"and {len(groups) - OPERATORS_SHOWN_MAX} more operators", style="dim"))
    failed = sorted((node for node in view.nodes if node.state is NodeState.FAILED), key=lambda node: node.ended_at_us)
    running = [node for node in view.nodes if node.state is NodeState.RUNNING]
    for nodes, most in ((failed, FAILURES_SHOWN_MAX), (running, RUNNING_SHOWN_MAX)):
        if nodes:
            parts += ["", _table(view, nodes[:most])]
            parts += [Text(f"and {len(nodes) - most} more {nodes[0].state}", style="dim")] * (len(nodes) > most)
    digits = view.id[-output_texts.ID_DIGITS :]
    parts.append(Text(f"all nodes: penstock show {digits} --all; one: penstock show {digits} NODE", style="dim"))
    return Group(*parts)


def _count_cells(states: Sequence[NodeState], counts: Sequence[int]) -> list[Text]:
    return [
        Text(str(count), style=state_text(state).style) if count else Text("")
        for state, count in zip(states, counts, strict=True)
    ]


def _times(nodes: Sequence[NodeView]) -> tuple[str, str]:
    """Of the nodes that have ended: the shortest to the longest, and all together."""
    took = sorted(node.duration_us / 1e6 for node in nodes if node.state is NodeState.SUCCEEDED)
    if not took:
        return "", ""
    first, last = seconds(took[0]), seconds(took[-1])
    return first if first == last else f"{first} to {last}", seconds(sum(took))


def counts_text(nodes: Sequence[NodeView]) -> str:
    """Return how many nodes are in which state."""
    counts = Counter(node.state for node in nodes)
    return ", ".join(f"{counts[state]} {state}" for state in NodeState if counts[state])


def ending(
    view: RunView, outputs: Mapping[str, Any] | None, printed: Sequence[LogLine], width: int
) -> list[RenderableType]:
    """What failed first, outputs, what was printed, the timeline."""
    parts: list[RenderableType] = []
    if view.first_failure >= 0:
        parts += ["", failure(view, view.nodes[view.first_failure])]
    if view.state == "cancelled":
        by = f" by {view.cancelled_by}" if view.cancelled_by else ""
        text = f"cancelled{by}" + (f": {view.cancel_reason}" if view.cancel_reason else "")
        parts += ["", Text(clean(text), "yellow")]
    parts += output_texts.printed(outputs or {}, view.id)
    if printed:
        parts += ["", Text("printed, the last lines:", style="bold"), *(log_text(view, each) for each in printed)]
    now_us = view.ended_at_us or time.time_ns() // 1000
    lines = timeline(view, width, now_us, TIMELINE_ROWS_MAX if len(view.nodes) > NODES_SHOWN_MAX else ROWS_MAX)
    if lines:
        parts += ["", *(Text(each, no_wrap=True, overflow="crop") for each in lines)]
    return parts


def log_text(view: RunView, log: LogLine) -> Text:
    """A line that an operator printed, with the node that it is from."""
    index = view.index_of.get(log.node)
    name = log.node if index is None else label_text(view, view.nodes[index])
    return Text.assemble((f"  {clock(log.at_us)}  {clean(name)}  ", "dim"), clean(log.text))


def failure(view: RunView, node: NodeView) -> Text:
    """Why a node failed, with the traceback that the operator left."""
    last = node.attempts[-1] if node.attempts else None
    said = last.failure if last else None
    label = view.labels[node.index]
    text = Text(f"node {clean(label)} failed", style="bold red")
    name = "" if label == node.name else f"{node.name}, "
    text.append(f" ({clean(name + node.operator)}, called at {clean(node.place)})" if node.place else "", "not bold")
    if said is not None:
        kind = f"{said.type}: " if said.type else ""
        text.append(f"\n{last.cause if last else ''}: {clean_lines(kind + said.message)}", style="not bold")
        if said.traceback:
            text.append("\n" + clean_lines(said.traceback.rstrip()), style="not bold default")
    others = sum(each.state is NodeState.FAILED for each in view.nodes) - 1
    if others > 0:
        text.append(f"\nand {others} more node{'s' * (others > 1)} failed", style="not bold")
    return text
