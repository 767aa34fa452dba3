"""Batches that wait for a slow consumer, in each log's order. What finds no room is dropped, and read later."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from .errors import OutOfRange, UpstreamAway
from .messages import Events
from .upstreams import StateTrackerUpstream

WAITING_EVENTS_MAX: Final = 20_000
# Taken out together, before others of this process have their turn.
EVENTS_AT_ONCE: Final = 1_000
READ_AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


class Backlog:
    """What was heard of some shards and is not taken yet."""

    def __init__(self, upstreams: Sequence[StateTrackerUpstream]) -> None:
        self._upstreams = upstreams
        # By shard: the last position that waits, or waited.
        self._ends: dict[int, int] = {}
        self._waiting: deque[Events] = deque()
        self._waiting_events = 0
        # Shards whose log has to be read, up to a position at least: something of it was dropped.
        self._lacks: dict[int, int] = {}
        self._more, self._room, self._lacking = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def ends(self) -> Mapping[int, int]:
        """Position of each shard that is known of, whether it waits or has to be read yet."""
        return {shard: max(seq, self._lacks.get(shard, 0)) for shard, seq in list(self._ends.items())}

    @property
    def has_more(self) -> bool:
        """Whether more waits than is taken out together."""
        return self._waiting_events > EVENTS_AT_ONCE

    def begin(self, shard: int, after_seq: int) -> None:
        """Wait for what follows a position, and forget what else was heard of the shard."""
        self._waiting = deque(batch for batch in self._waiting if batch.shard != shard)
        self._waiting_events = sum(len(batch.events) for batch in self._waiting)
        self._lacks.pop(shard, None)
        self._ends[shard] = after_seq

    def reaches(self, shard: int, seq: int) -> None:
        """Read the log if it is known no further."""
        if self._ends[shard] < seq:
            self._lack(shard, seq)

    def offer(self, batch: Events) -> None:
        """Let a batch wait that the stream brought."""
        shard, first_seq = batch.shard, batch.from_seq
        count = len(batch.events)
        last_seq, end_seq = first_seq + count - 1, self._ends[shard]
        if first_seq <= end_seq + 1 and self._waiting_events < WAITING_EVENTS_MAX and shard not in self._lacks:
            if last_seq > end_seq:
                self._wait(batch, last_seq, count)
        else:
            self._lack(shard, last_seq)

    async def take(self) -> list[Events]:
        """Wait for something, and return some of it, the oldest first."""
        await self._more.wait()
        taken: list[Events] = []
        events = 0
        while self._waiting and events < EVENTS_AT_ONCE:
            taken.append(self._waiting.popleft())
            events += len(taken[-1].events)
        self._waiting_events -= events
        if not self._waiting:
            self._more.clear()
        self._room.set()
        return taken

    async def catch_up(self) -> None:
        """Read what was dropped, one shard after another, as there is room for it, for ever."""
        while True:
            await self._lacking.wait()
            for shard in list(self._lacks):
                before = self._ends[shard]
                await self._read(shard)
                if self._ends[shard] >= self._lacks.get(shard, 0):
                    self._lacks.pop(shard, None)
                elif self._ends[shard] == before:
                    await asyncio.sleep(READ_AGAIN_S)
            if not self._lacks:
                self._lacking.clear()

    def _lack(self, shard: int, to_seq: int) -> None:
        self._lacks[shard] = max(to_seq, self._lacks.get(shard, 0))
        self._lacking.set()

    def _wait(self, batch: Events, last_seq: int, count: int) -> None:
        self._ends[batch.shard] = last_seq
        self._waiting.append(batch)
        self._waiting_events += count
        self._more.set()

    async def _read(self, shard: int) -> None:
        """Let what follows in a shard's log wait, as far as some State Tracker tells."""
        for upstream in self._upstreams:
            try:
                async for batch in upstream.read(shard, self._ends[shard]):
                    while self._waiting_events >= WAITING_EVENTS_MAX:
                        self._room.clear()
                        await self._room.wait()
                    count = len(batch.events)
                    if (last_seq := batch.from_seq + count - 1) > self._ends[shard]:
                        self._wait(batch, last_seq, count)
                return
            except OutOfRange:
                log.warning("events of shard %d after %d are no longer in the log", shard, self._ends[shard])
                self._ends[shard] = self._lacks.get(shard, self._ends[shard])
                return
            except UpstreamAway as error:
                log.debug("shard %d: %s", shard, error)
