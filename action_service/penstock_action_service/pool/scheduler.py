"""When and for whom: grants go to the team that used least, to its highest priority, to what came first."""

from __future__ import annotations

from heapq import heappop, heapreplace
from typing import TYPE_CHECKING

from .teams import TRIES_MAX, Queue, Team

if TYPE_CHECKING:
    from .book import Book


def grant_all(book: Book, now: float) -> None:
    """Grant queued actions until no worker has room for any of them."""
    placement, teams = book.placement, book.teams
    for worker in book.freed:
        placement.freed(worker)
    book.freed.clear()
    if not teams.queued or not placement.open():
        return
    set_aside: dict[Team, list[Queue]] = {}
    order = teams.order(now)
    while order:
        team = order[0][2]
        queue = team.head()
        if queue is None or len(set_aside.get(team, ())) >= TRIES_MAX:
            heappop(order)
            team.listed = False
        elif _grant_first(book, queue, now):
            team.advance()
            heapreplace(order, (team.score(now), team.name, team))
        else:
            set_aside.setdefault(team, []).append(team.unlist_head())
            if not placement.open():
                break
    for team, queues in set_aside.items():
        teams.relist(team, queues, now)


def _grant_first(book: Book, queue: Queue, now: float) -> bool:
    action = next(iter(queue.actions))
    worker = book.placement.choose(action, now)
    if worker is None:
        return False
    book.grant(action, worker, now)
    return True
