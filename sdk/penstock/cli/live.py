"""Progress of a running run: a table that is updated in place, or plain lines without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from penstock_proto.state_tracker.v1 import service_pb2
from rich.console import Group
from rich.live import Live

from ..client.node_progress import NodeProgress
from ..client.progress import progress
from ..client.view import RunView
from . import terminal, texts
from .node_progress import print_progress

REFRESHES_PER_S = 8
# Lines of the terminal that are not nodes.
OTHER_ROWS = 6


class Display:
    """Shows a view as events arrive. `to_stderr` keeps stdout for a program."""

    def __init__(self, view: RunView, *, to_stderr: bool) -> None:
        self._view = view
        self._to_stderr = to_stderr
        self._console = texts.console(to_stderr=to_stderr)
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=self._picture,
                refresh_per_second=REFRESHES_PER_S,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, events: Sequence[service_pb2.RecordedEvent]) -> None:
        """Take in events that came; the view has them already."""
        if self._live is None:
            for event in events:
                terminal.line(texts.progress_line(progress(self._view.plan, event)), to_stderr=self._to_stderr)

    def show_progress(self, said: NodeProgress) -> None:
        """Take in how far a node is; the view has it already."""
        if self._live is None:
            print_progress(said, to_stderr=self._to_stderr)

    @property
    def width(self) -> int:
        return self._console.width

    def _picture(self) -> Group:
        rows = max(3, self._console.height - OTHER_ROWS)
        return Group(texts.headline(self._view), texts.nodes_table(self._view, rows))


def say(text: str) -> None:
    """Tell the person at the terminal something that is no part of the output."""
    print(text, file=sys.stderr, flush=True)
