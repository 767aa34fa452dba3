"""When and for whom: grants go to the team that used least, to its highest priority, to the run whose turn it is."""

from __future__ import annotations

from heapq import heappop, heapreplace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from .book import Book
    from .records import Queue, Team

TRIES_MAX = 1024  # queues that are tried in vain in one round; those for which all workers are full do not count


def grant_all(book: Book, now: float) -> None:
    """Grant queued actions until no worker has room for any of them."""
    placement, teams = book.placement, book.teams
    if placement.changed:
        teams.relist(placement.take_changed(), now)
    for worker in book.freed:
        placement.note_freed(worker)
    book.freed.clear()
    if not teams.queued or not placement.may_have_room():
        return
    failed: dict[Queue, None] = {}
    done: list[Team] = []
    order = teams.order(now)
    while order:
        team = order[0][2]
        queue = _best(team, failed)
        if queue is None or len(failed) >= TRIES_MAX:
            heappop(order)
            team.is_listed = False
            done.append(team)
        elif _grant_first(book, queue, now):
            heapreplace(order, (team.score(now), team.name, team))
        else:
            failed[queue] = None
            if not placement.may_have_room():
                break
    for team in done:
        teams.list_team(team, now)


def _grant_first(book: Book, queue: Queue, now: float) -> bool:
    action = queue.head().first()
    try:
        worker = book.placement.choose(action, now)
    except Exception as error:  # a mistake of ours: everything behind it would wait for ever
        book.set_aside(action.start, action.shard, error, now)
        return True
    if worker is None:
        return False
    book.grant(action, worker, now)
    return True


def _best(team: Team, failed: Collection[Queue]) -> Queue | None:
    """Return the queue that goes next of those for which a worker may have room; None: there is none."""
    queues = team.listed_queues
    if len(queues) == 1:
        (queue,) = queues
        return queue if queue.shape.candidates and queue not in failed else None
    best: Queue | None = None
    best_key = 0
    for queue in queues:
        if queue.shape.candidates and queue not in failed:
            key = queue.before + queue.head().run.key
            if best is None or key < best_key:
                best, best_key = queue, key
    return best
