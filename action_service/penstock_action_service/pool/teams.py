"""Whose turn it is: each team's queues by priority and shape, and what each team used of the pool."""

from __future__ import annotations

import math
from collections import OrderedDict
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .action import Action
    from .shapes import Shape

RECENT_S = 5.0  # over which past use is remembered
TRIES_MAX = 64  # queues of one team that are looked at in one round
ORDER_COST_S = 1e-5  # ordering the teams anew may take this long for each team, and no more often than that
IDLE_TEAMS_MAX = 1000
QUEUES_KEPT = 64  # empty queues of a team that are kept for what comes next


class Queue:
    """Actions of one team, priority and shape, first in, first out."""

    __slots__ = ("actions", "listed", "priority", "shape")

    def __init__(self, priority: int, shape: Shape) -> None:
        self.priority, self.shape = priority, shape
        self.actions: OrderedDict[Action, None] = OrderedDict()
        self.listed = False  # in its team's order


class Team:
    """A holder of a share of the pool."""

    __slots__ = ("held", "listed", "name", "order", "queued", "queues", "recent", "recent_at", "share", "weight")

    def __init__(self, name: str, weight: float, now: float) -> None:
        self.name, self.weight = name, weight
        self.queues: dict[tuple[int, Shape], Queue] = {}
        self.order: list[tuple[int, int, Queue]] = []  # heap: priority, age of the head
        self.queued: int = 0
        self.held: int = 0
        self.share: float = 0.0  # of the pool, held now
        self.recent: float = 0.0
        self.recent_at: float = now
        self.listed = False  # in the order of teams

    def score(self, now: float) -> float:
        """Return the use of the pool, now and lately, by weight; the lowest goes first."""
        passed_s = now - self.recent_at
        if passed_s > 0:
            kept = math.exp(-passed_s / RECENT_S)
            self.recent = self.recent * kept + self.share * (1 - kept)
            self.recent_at = now
        return (self.share + self.recent) / self.weight

    def head(self) -> Queue | None:
        """Return the queue whose first action goes next: by priority, then by age."""
        order = self.order
        while order:
            queue = order[0][2]
            if queue.actions:
                return queue
            heappop(order)
            queue.listed = False
        return None

    def list_queue(self, queue: Queue) -> None:
        if not queue.listed:
            queue.listed = True
            heappush(self.order, (-queue.priority, next(iter(queue.actions)).arrival, queue))

    def advance(self) -> None:
        """The first action of the head was taken."""
        queue = self.order[0][2]
        if queue.actions:
            heapreplace(self.order, (-queue.priority, next(iter(queue.actions)).arrival, queue))
        else:
            self.unlist_head()

    def unlist_head(self) -> Queue:
        queue = heappop(self.order)[2]
        queue.listed = False
        return queue


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
        """Queue an action, behind its like or, where it comes back, before them."""
        team, shape = action.team, action.shape
        queue = team.queues.get((priority, shape))
        if queue is None:
            queue = team.queues[priority, shape] = Queue(priority, shape)
        queue.actions[action] = None
        if first:
            queue.actions.move_to_end(action, last=False)
        action.queue = queue
        team.queued += 1
        shape.queued += 1
        self.queued += 1
        team.list_queue(queue)
        if not team.listed:
            team.listed = True
            heappush(self._order, (team.score(now), team.name, team))

    def remove(self, action: Action) -> None:
        """Take an action out of its queue, from anywhere."""
        queue = action.queue
        assert queue is not None
        del queue.actions[action]
        action.queue = None
        action.team.queued -= 1
        action.shape.queued -= 1
        self.queued -= 1

    def order(self, now: float) -> list[tuple[float, str, Team]]:
        """Return the heap of teams with queued actions; scores may lag a little where teams are many."""
        order = self._order
        if now - self._ordered_at > ORDER_COST_S * len(order):
            self._ordered_at = now
            order[:] = [(team.score(now), name, team) for _, name, team in order]
            heapify(order)
        return order

    def relist(self, team: Team, queues: list[Queue], now: float) -> None:
        """Put back what was set aside for a round."""
        for queue in queues:
            if queue.actions:
                team.list_queue(queue)
        if team.queued and not team.listed:
            team.listed = True
            heappush(self._order, (team.score(now), team.name, team))

    def longest_queued_s(self, now: float) -> float:
        """Return for how long the first action of a queue has waited that waits longest."""
        queues = (queue.actions for team in self._of.values() if team.queued for queue in team.queues.values())
        return max((now - next(iter(actions)).queued_at for actions in queues if actions), default=0.0)

    def queued_by_team(self) -> dict[str, int]:
        """Return how many actions are queued, of teams that are known still."""
        return {team.name: team.queued for team in self._of.values()}

    def tidy(self, now: float) -> None:
        """Forget empty queues and teams that have long been idle, where there are many."""
        if len(self._of) > IDLE_TEAMS_MAX:
            for team in [team for team in self._of.values() if not team.queued and not team.held and not team.listed]:
                if now - team.recent_at > 4 * RECENT_S:
                    del self._of[team.name]
        for team in self._of.values():
            if len(team.queues) > QUEUES_KEPT:
                team.queues = {key: queue for key, queue in team.queues.items() if queue.actions or queue.listed}
