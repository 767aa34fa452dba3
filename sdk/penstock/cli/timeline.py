"""When each node ran, as lines of text that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from ..client.view import Attempt, NodeState, NodeView, RunView
from .terminal import clean, seconds

ROWS_MAX = 60
NAME_WIDTH_MAX = 28
BAR_WIDTH_MIN = 8
# Between the start and the call of the operator: a new process, its imports, the values of the arguments.
PREPARING = "─"
_BARS = {NodeState.SUCCEEDED: "━", NodeState.RUNNING: "┅", NodeState.FAILED: "x", NodeState.CANCELLED: "╌"}


def timeline(view: RunView, width: int, now_us: int = 0, rows_max: int = ROWS_MAX) -> list[str]:
    """Return one line a node that ran, in the order of their starts; of too many, those that took longest.

    Args:
        now_us: Ends the bars of those that still run.
    """
    ran = sorted((node for node in view.nodes if node.started_at_us), key=lambda node: (node.started_at_us, node.index))
    if not ran:
        return []
    last_us = max(_end_us(attempt, now_us) for node in ran for attempt in node.attempts)
    first_us = min(view.submitted_at_us or ran[0].started_at_us, ran[0].started_at_us)
    shown = ran
    if len(ran) > rows_max:
        longest = {node.index for node in sorted(ran, key=lambda node: _took_us(node, now_us))[-rows_max:]}
        shown = [node for node in ran if node.index in longest]
    labels = [clean(view.labels[node.index]) for node in shown]
    names = min(NAME_WIDTH_MAX, width // 3, max(map(cell_len, labels)))
    bar = max(BAR_WIDTH_MIN, width - names - 12)
    span_us = max(1, last_us - first_us)
    lines = [
        _line(node, label, names, bar, first_us, span_us, now_us) for node, label in zip(shown, labels, strict=True)
    ]
    if len(ran) > len(shown):
        lines.append(f"and {len(ran) - len(shown)} nodes that took less")
    lines.append(f"{'':{names}}  0{seconds((last_us - first_us) / 1e6):>{bar - 1}}")
    return lines


def overlaps(first: NodeView, second: NodeView) -> bool:
    """Whether the last attempts of both ran at the same time."""
    return first.started_at_us < second.ended_at_us and second.started_at_us < first.ended_at_us


def _took_us(node: NodeView, now_us: int) -> int:
    return node.duration_us or _end_us(node.attempts[-1], now_us) - node.attempts[-1].started_at_us


def _line(node: NodeView, name: str, names: int, width: int, first_us: int, span_us: int, now_us: int) -> str:
    cells = [" "] * width
    for attempt in node.attempts:
        _draw(cells, attempt, first_us, span_us, now_us)
    name = name if cell_len(name) <= names else set_cell_size(name, names - 1) + "…"
    return f"{set_cell_size(name, names)}  {''.join(cells)}  {seconds(_took_us(node, now_us) / 1e6):>8}"


def _draw(cells: list[str], attempt: Attempt, first_us: int, span_us: int, now_us: int) -> None:
    end_us = _end_us(attempt, now_us)
    called_us = end_us - attempt.duration_us if attempt.ended_at_us else attempt.started_at_us
    start, called, end = (
        min(max((at_us - first_us) * len(cells) // span_us, 0), len(cells) - 1)
        for at_us in (attempt.started_at_us, called_us, end_us - 1)
    )
    for cell in range(start, end + 1):
        cells[cell] = PREPARING if cell < called else _BARS.get(attempt.state, "━")


def _end_us(attempt: Attempt, now_us: int) -> int:
    return attempt.ended_at_us or max(now_us, attempt.started_at_us)


def total_s(attempts: Sequence[Attempt]) -> float:
    return sum(attempt.duration_us for attempt in attempts) / 1e6
