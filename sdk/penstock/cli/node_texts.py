"""One node of a run as text: how each attempt ended, and what it returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..client.runs import LogLine
from ..client.view import NodeState, NodeView, RunView
from . import output_texts
from .node_progress import progress_text
from .run_texts import failure, short
from .terminal import clean, clock, seconds
from .texts import console, plain_table, state_text


def whole_node(
    view: RunView,
    node: NodeView,
    arguments: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Any] | None,
    printed: Sequence[LogLine] | None,
) -> None:
    """Print all there is to say about a node; `printed` are its lines if they are asked for."""
    out = console()
    label = view.labels[node.index]
    named = "" if label == node.name else f" ({node.name})"
    head = Text.assemble("node ", (clean(label), "bold"), clean(named), "  ", state_text(node.shown_state))
    out.print(head + Text(f"  of run {view.id}"))
    called = f", called at {node.place}" if node.place else ""
    out.print(Text(clean(f"{node.operator or 'executes nothing'}{called}"), style="dim"))
    if node.parents:
        out.print(Text(clean("after " + ", ".join(view.labels[each] for each in node.parents)), style="dim"))
    for name, given in arguments.items():
        out.print(_argument(name, given))
    if node.attempts:
        out.print(_attempts(node))
    if node.progress is not None and (said := progress_text(node.progress)):
        out.print(Text(clean(f"progress of attempt {node.progress.attempt}: {said}")))
    if node.skip_reason:
        out.print(Text(clean(node.skip_reason)))
    if node.state is NodeState.FAILED:
        out.print()
        out.print(failure(view, node))
    for part in output_texts.printed(outputs or {}, view.id, node.name):
        out.print(part)
    if printed is not None:
        out.print()
        out.print(Text("printed:" if printed else "nothing was printed", style="bold"))
        for line in printed:
            out.print(Text.assemble((f"  {clock(line.at_us)}  ", "dim"), clean(line.text)))


def _argument(name: str, given: Mapping[str, Any]) -> Text:
    """Where an argument is from, and its value; a literal is its value."""
    came, value = str(given["from"]), given["value"]
    shown = "" if value is None and came != "null" else short(value)
    origin = "" if shown == came or not shown else f"  ({came})"
    return Text.assemble((f"  {clean(name)} = ", "dim"), clean(shown or came), (clean(origin), "dim"))


def _attempts(node: NodeView) -> Any:
    shown = plain_table("attempt", "state", "started", "took", "worker", "")
    for attempt in node.attempts:
        message = attempt.failure.message.split("\n")[0] if attempt.failure else ""
        shown.add_row(
            str(attempt.number),
            state_text(attempt.state),
            clock(attempt.started_at_us),
            seconds(attempt.duration_us / 1e6) if attempt.ended_at_us else "",
            Text(clean(attempt.worker)),
            Text(clean(f"{attempt.cause}: {message}" if message else attempt.cause), style="dim"),
        )
    return shown
