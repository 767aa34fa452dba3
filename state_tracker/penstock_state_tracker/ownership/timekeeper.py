"""Begins and ends the waits of the shards of one database: one task for all of them, however many runs wait."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from ..core.waits import NEVER
from ..log.committer import PENDING_EVENTS_FOR_SUBMITS, Committer
from ..log.shard_state import Owned

# The database's clock may be set, and shards come from other owners: no sleep is longer.
LOOK_EVERY_S: Final = 0.5
# What becomes due within this time is done together.
PAUSE_S: Final = 0.005

log = logging.getLogger(__name__)


class Clock:
    """What time it is at the database, as of the last time that it was asked."""

    __slots__ = ("_ahead_s",)

    def __init__(self) -> None:
        self._ahead_s: float | None = None

    @property
    def is_known(self) -> bool:
        return self._ahead_s is not None

    def note(self, now_us: int, asked: float, answered: float) -> None:
        """Take over what the database said between two moments of the monotonic clock."""
        self._ahead_s = now_us / 1e6 - (asked + answered) / 2

    def at_us(self, now: float) -> int:
        """Return the database's time at a moment of the monotonic clock, in microseconds of Unix time."""
        return round((now + (self._ahead_s or 0.0)) * 1e6)


class Timekeeper:
    """Calls `tick` of each shard in which something is due.

    Args:
        mine: Returns the shards of this database that are ours at the moment.
    """

    def __init__(self, clock: Clock, committer: Committer, mine: Callable[[], Iterable[Owned]]) -> None:
        self._clock, self._committer, self._mine = clock, committer, mine

    async def run(self) -> None:
        """Look whenever the committer was given what lets waits begin or end, and when the next one is due."""
        wake = self._committer.has_waits
        while True:
            due = self._tick(time.monotonic())
            try:
                async with asyncio.timeout(min(max(PAUSE_S, due - time.monotonic()), LOOK_EVERY_S)):
                    await wake.wait()
            except TimeoutError:
                continue
            wake.clear()

    def _tick(self, now: float) -> float:
        """Do what is due; return when there is something to do again."""
        if not self._clock.is_known or self._committer.pending_events > PENDING_EVENTS_FOR_SUBMITS:
            return now + LOOK_EVERY_S
        next_due = NEVER
        for owned in self._mine():
            waits = owned.core.waits
            if waits.due <= now and owned.is_valid:
                self._tick_shard(owned, now)
            next_due = min(next_due, waits.due)
        return next_due

    def _tick_shard(self, owned: Owned, now: float) -> None:
        try:
            events = owned.core.tick(now, self._clock.at_us(now))
        except Exception:
            # A mistake of ours, and the memory may be half changed: read it again.
            log.exception("cannot end the waits of shard %d, reloading it", owned.shard)
            self._committer.drop(owned)
            return
        if events:
            self._committer.add(owned, events)
