"""Whose turn it is among teams: what each team used of the pool, and its queues by priority and shape."""

from __future__ import annotations

import math
from heapq import heapify, heappush
from typing import TYPE_CHECKING

from .records import RECENT_S, Action, Queue, Shape, Team

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ORDER_COST_S = 1e-5  # ordering the teams again may take this long for each team, and no more often than that
IDLE_TEAMS_MAX = 1000
QUEUES_KEPT = 64  # empty queues of a team that are kept for what comes next


class Teams:
    """All teams, those with queued actions in order of their scores."""

    __slots__ = ("_of", "_order", "_ordered_at", "_weights", "queued")

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._of: dict[str, Team] = {}
        self._order: list[tuple[float, str, Team]] = []
        self._ordered_at = -math.inf
        self.queued = 0

    def of(self, name: str, now: float) -> Team:
        """Return the team, a new one at its first action."""
        team = self._of.get(name)
        if team is None:
            team = self._of[name] = Team(name, self._weights.get(name, 1.0), now)
        return team

    def push(self, action: Action, priority: int, now: float, *, first: bool = False) -> None:
        """Queue an action, or where it comes back, put it before all others of its run."""
        team, shape = action.team, action.shape
        queue = team.queues.get((priority, shape))
        if queue is None:
            queue = team.queues[priority, shape] = Queue(team, priority, shape)
            shape.queues[queue] = None
        if not queue.lines and shape.hosts:
            team.listed_queues[queue] = None
        action.line = queue.push(action, first=first)
        team.queued += 1
        shape.queued += 1
        if shape.queued == 1:
            shape.waiting[shape] = None
        self.queued += 1
        if not team.is_listed:
            self.list_team(team, now)

    def remove(self, action: Action) -> None:
        """Take an action out of its queue, from anywhere."""
        line, team, shape = action.line, action.team, action.shape
        assert line is not None
        queue = line.queue
        queue.remove(action, line)
        if not queue.lines:
            team.listed_queues.pop(queue, None)
        action.line = None
        team.queued -= 1
        shape.queued -= 1
        if not shape.queued:
            del shape.waiting[shape]
        self.queued -= 1

    def list_team(self, team: Team, now: float) -> None:
        if team.queued and not team.is_listed:
            team.is_listed = True
            heappush(self._order, (team.score(now), team.name, team))

    def relist(self, shapes: Iterable[Shape], now: float) -> None:
        """Whether any worker could ever run these has changed."""
        for shape in shapes:
            for queue in shape.queues:
                queue.team.listed_queues.pop(queue, None)
                queue.team.list_queue(queue)
                self.list_team(queue.team, now)

    def order(self, now: float) -> list[tuple[float, str, Team]]:
        """Return the heap of teams with queued actions; scores may lag a little where teams are many."""
        order = self._order
        if now - self._ordered_at > ORDER_COST_S * len(order):
            self._ordered_at = now
            order[:] = [(team.score(now), name, team) for _, name, team in order]
            heapify(order)
        return order

    def longest_queued_s(self, now: float) -> float:
        """Return for how long the action has been queued that waits longest."""
        lines = (
            line.actions
            for team in self._of.values()
            for queue in team.queues.values()
            for line in queue.lines.values()
        )
        return max((now - next(iter(actions)).queued_at for actions in lines), default=0.0)

    def queued_by_team(self) -> dict[str, int]:
        """Return how many actions are queued, of teams that are known still."""
        return {team.name: team.queued for team in self._of.values()}

    def tidy(self, now: float) -> None:
        """Forget empty queues and teams that have long been idle, where there are many."""
        if len(self._of) > IDLE_TEAMS_MAX:
            for team in [team for team in self._of.values() if not (team.queued or team.held or team.is_listed)]:
                if now - team.recent_at > 4 * RECENT_S:
                    del self._of[team.name]
        for team in self._of.values():
            if len(team.queues) > QUEUES_KEPT:
                for key, queue in list(team.queues.items()):
                    if not queue.lines:
                        queue.shape.queues.pop(queue, None)
                        del team.queues[key]
