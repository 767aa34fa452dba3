"""Whose turn it is within a team: its runs take turns, and within a run the longest remaining path goes first."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .action import Action
    from .shapes import Shape
    from .teams import Team

TURN_S = 0.1  # runs that were served for as long as each other, by this unit, go by their age
STALE_MAX = 64  # entries of a heap that may be out of date, beside as many as there are good ones

# A run's key, lowest first: attempts that workers hold, then how long it was served, then its age.
HELD_ONE = 1 << 80
SERVED_ONE = 1 << 48
SERVED_MAX = (1 << 32) - 1
PRIORITY_ONE = 1 << 128  # of a queue, before the key of its run


class Run:
    """One run, as far as it has open attempts in the pool."""

    __slots__ = ("_level", "key", "lines", "open", "run_id", "served_s")

    def __init__(self, run_id: bytes, arrival: int) -> None:
        self.run_id = run_id
        self.key: int = arrival
        self.lines: dict[Queue, Line] = {}  # with queued attempts
        self.open: int = 0  # attempts
        self.served_s: float = 0.0  # that workers held attempts of it; or as if, see `join_in`
        self._level: int = 0

    def join_in(self, clock_s: float) -> None:
        """It wants something again: it has no more to catch up on than those that wanted something all the time."""
        if self.served_s < clock_s:
            self.served_s = clock_s
            self._rank()

    def served(self, held_s: float) -> None:
        """A worker holds one attempt less, after so long."""
        self.key -= HELD_ONE
        self.served_s += held_s
        self._rank()

    def _rank(self) -> None:
        level = min(SERVED_MAX, int(self.served_s / TURN_S))
        if level != self._level:
            self.key += (level - self._level) * SERVED_ONE
            self._level = level


Entry = tuple[int, int, "Line"]


class Line:
    """Queued attempts of one run in one queue: the longest remaining path first, then by age."""

    __slots__ = ("_heap", "actions", "entry", "queue", "run")

    def __init__(self, run: Run, queue: Queue) -> None:
        self.run, self.queue = run, queue
        self.actions: dict[Action, None] = {}  # oldest first
        self.entry: Entry | None = None  # in the queue's heap; others there are out of date
        self._heap: list[tuple[float, int, Action]] = []  # some are queued no longer

    def push(self, action: Action, *, first: bool) -> None:
        self.actions[action] = None
        heappush(self._heap, (-math.inf if first else -action.start.remaining_s, action.arrival, action))

    def remove(self, action: Action) -> None:
        del self.actions[action]
        if len(self._heap) > STALE_MAX + 2 * len(self.actions):
            self._heap = [entry for entry in self._heap if entry[2] in self.actions]
            heapify(self._heap)

    def first(self) -> Action:
        """Return the attempt that goes first; there is one."""
        heap, actions = self._heap, self.actions
        while heap[0][2] not in actions:
            heappop(heap)
        return heap[0][2]


class Queue:
    """Queued attempts of one team, priority and shape: a line for each run."""

    __slots__ = ("_heap", "_number", "before", "lines", "shape", "team")

    def __init__(self, team: Team, priority: int, shape: Shape) -> None:
        self.team, self.shape = team, shape
        self.before = -priority * PRIORITY_ONE
        self.lines: dict[Run, Line] = {}  # none of them empty
        self._heap: list[Entry] = []
        self._number: int = 0

    def push(self, action: Action, *, first: bool) -> Line:
        """Queue an attempt; return its line."""
        run = action.run
        line = self.lines.get(run)
        if line is None:
            line = run.lines[self] = self.lines[run] = Line(run, self)
            self.move_up(line)
        line.push(action, first=first)
        return line

    def remove(self, action: Action, line: Line) -> None:
        """Take an attempt out."""
        line.remove(action)
        if not line.actions:
            line.entry = None
            del self.lines[line.run], line.run.lines[self]

    def move_up(self, line: Line) -> None:
        """List a line again where its run's key fell; of one that grew, `head` takes notice."""
        key, heap = line.run.key, self._heap
        if line.entry is not None and line.entry[0] <= key:
            return
        self._number += 1
        line.entry = entry = (key, self._number, line)
        heappush(heap, entry)
        if len(heap) > STALE_MAX + 2 * len(self.lines):
            self._heap = [each for each in heap if each[2].entry is each]
            heapify(self._heap)

    def head(self) -> Line:
        """Return the line whose run's turn it is; there is one."""
        if len(self.lines) == 1:
            return next(iter(self.lines.values()))
        heap = self._heap
        while True:
            entry = heap[0]
            line = entry[2]
            if line.entry is not entry:
                heappop(heap)
            elif entry[0] == (key := line.run.key):
                return line
            else:
                line.entry = entry = (key, entry[1], line)
                heapreplace(heap, entry)
