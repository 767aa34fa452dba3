"""Progress of a running run: a table that is updated in place, or plain lines without a terminal."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from penstock_proto.state_tracker.v1 import service_pb2
from rich.console import Group
from rich.live import Live

from ..client.node_progress import NodeProgress
from ..client.progress import progress
from ..client.runs import LogLine
from ..client.view import RunView
from . import run_texts, terminal, texts
from .node_progress import print_progress

REFRESHES_PER_S = 8
# Lines of the terminal that are not nodes.
OTHER_ROWS = 6
LINES_SHOWN = 5
# Without a terminal, nodes of larger runs are counted every few seconds instead of a line for each.
NODES_NAMED_MAX = 1_000
COUNTED_EVERY_S = 2.0
COUNTED = {"started", "succeeded", "waiting"}


class Display:
    """Shows a view as events arrive. `to_stderr` keeps stdout for a program, `every_line` shows all that is printed."""

    def __init__(self, view: RunView, *, to_stderr: bool, every_line: bool = False) -> None:
        self._view = view
        self._to_stderr = to_stderr
        self._every_line = every_line
        self._ended = False
        # Below the nodes, the last that operators printed.
        self._lines: deque[LogLine] = deque(maxlen=LINES_SHOWN)
        self._console = texts.console(to_stderr=to_stderr)
        self._counted_s = 0.0
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
            self._ended = True
            self._lines.clear()
            self._live.stop()

    def show(self, events: Sequence[service_pb2.RecordedEvent]) -> None:
        """Take in events that came; the view has them already."""
        if self._live is not None:
            return
        has_many = len(self._view.nodes) > NODES_NAMED_MAX
        for event in events:
            said = progress(self._view.plan, event)
            if has_many and said.kind in COUNTED:
                self._count(said.at_us)
                continue
            labelled = replace(said, nodes=tuple(map(self._label, said.nodes)))
            terminal.line(texts.progress_line(labelled), to_stderr=self._to_stderr)

    def _count(self, at_us: int) -> None:
        """Say how many nodes are in which state, unless that was just said."""
        if (now_s := time.monotonic()) - self._counted_s >= COUNTED_EVERY_S:
            self._counted_s = now_s
            counts = run_texts.counts_text(self._view.nodes)
            terminal.line(f"{terminal.clock(at_us)}  {counts}", to_stderr=self._to_stderr)

    def show_line(self, line: LogLine) -> None:
        """Take in a line that an operator printed."""
        if self._live is None:
            text = f"{terminal.clock(line.at_us)}  {self._label(line.node)}  {line.text}"
            terminal.line(text, to_stderr=self._to_stderr)
        elif self._every_line:
            self._live.console.print(run_texts.log_text(self._view, line))
        else:
            self._lines.append(line)

    @property
    def holds_lines(self) -> bool:
        """Whether lines are shown one below the other, so that they must not come between other news."""
        return self._live is None and not self._every_line

    def _label(self, name: str) -> str:
        index = self._view.index_of.get(name)
        return name if index is None else self._view.labels[index]

    def show_progress(self, said: NodeProgress) -> None:
        """Take in how far a node is; the view has it already."""
        if self._live is None:
            print_progress(said, to_stderr=self._to_stderr)

    @property
    def width(self) -> int:
        return self._console.width

    def _picture(self) -> Group:
        if self._ended and len(self._view.nodes) > run_texts.NODES_SHOWN_MAX:
            return Group(texts.headline(self._view), run_texts.summary(self._view))
        rows = max(3, self._console.height - OTHER_ROWS - len(self._lines))
        printed = [run_texts.log_text(self._view, line) for line in self._lines]
        for line in printed:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(texts.headline(self._view), run_texts.nodes_table(self._view, rows), *printed)


def say(text: str) -> None:
    """Tell the person at the terminal something that is no part of the output."""
    print(text, file=sys.stderr, flush=True)
