"""One node of a run as text: how each attempt ended, and what it returned."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from ..client.view import NodeState, NodeView, RunView
from . import output_texts
from .node_progress import progress_text
from .terminal import clean, clock, seconds
from .texts import console, failure, plain_table, state_text


def whole_node(view: RunView, node: NodeView, outputs: dict[str, Any] | None) -> None:
    """Print all there is to say about a node."""
    out = console()
    out.print(Text.assemble("node ", (clean(node.name), "bold"), "  ", state_text(node.state), f"  of run {view.id}"))
    called = f", called at {node.place}" if node.place else ""
    out.print(Text(clean(f"{node.operator or 'executes nothing'}{called}"), style="dim"))
    if node.parents:
        out.print(Text(clean("after " + ", ".join(view.nodes[each].name for each in node.parents)), style="dim"))
    if node.attempts:
        out.print(_attempts(node))
    if node.progress is not None and (said := progress_text(node.progress)):
        out.print(Text(clean(f"progress of attempt {node.progress.attempt}: {said}")))
    if node.skip_reason:
        out.print(Text(clean(node.skip_reason)))
    if node.state is NodeState.FAILED:
        out.print()
        out.print(failure(node))
    for part in output_texts.printed(outputs or {}, view.id, node.name):
        out.print(part)


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
