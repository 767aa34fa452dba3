"""Reads whole logs for a consumer that is slower than they grow: from where it was left, in order, without a gap."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from penstock_observability import metrics

from .backlog import Backlog
from .follower import Follower, Snapshot
from .messages import Events
from .stream import EVENTS, Stream
from .upstreams import StateTrackerUpstream, event_span

TAKEN_EVERY_S: Final = 0.05


class Places(Protocol):
    """Where the consumer is in each log."""

    def begin(self, shard: int, end_seq: int) -> int:
        """Start with a shard whose log ends at a position; return the position after which it has to be read."""
        ...

    def begin_again(self, shard: int, end_seq: int, seq: int) -> int | None:
        """Return after which position to read a log that ends before what was heard of it, at `seq`; None: wait."""
        ...

    def position(self, shard: int) -> int:
        """Return the last position of a shard that was taken."""
        ...


class LogReader:
    """The events of some shards, and what of them is not taken yet."""

    def __init__(
        self, stream: Stream, upstreams: Sequence[StateTrackerUpstream], shards: Collection[int], places: Places
    ) -> None:
        self._places = places
        self._backlog = Backlog(upstreams)
        self._begun: set[int] = set()
        self._follower = Follower[Events](
            stream=stream, topic=EVENTS, upstreams=upstreams, shards=shards, span=event_span, consumer=self
        )

    @property
    def is_loaded(self) -> bool:
        """Whether every shard is followed."""
        return self._follower.is_loaded

    def lag(self) -> list[tuple[tuple[str, str], float]]:
        """Return how many events of each shard were not taken yet."""
        ends = self._backlog.ends
        return [((EVENTS, str(shard)), end - self._places.position(shard)) for shard, end in ends.items()]

    @asynccontextmanager
    async def follow(self) -> AsyncGenerator[None]:
        """Read until the block ends."""
        catching_up = asyncio.create_task(self._backlog.catch_up())
        unwatch = metrics.FOLLOWER_LAG.register(self.lag)
        try:
            await self._follower.start()
            yield
        finally:
            unwatch()
            await self._follower.stop()
            catching_up.cancel()
            await asyncio.gather(catching_up, return_exceptions=True)

    async def take(self, until_s: float) -> list[Events]:
        """Wait for something, until a time of the loop's clock; return some of it, the oldest first.

        Others of the process have their turn, and what comes meanwhile is taken together: to wake up for each message
        costs more than to read it.
        """
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep(0 if self._backlog.has_more else max(0.0, min(TAKEN_EVERY_S, until_s - now_s)))
        try:
            async with asyncio.timeout_at(until_s):
                return await self._backlog.take()
        except TimeoutError:
            return []

    # What the follower calls

    def apply(self, batch: Events, after_seq: int) -> bool:
        """Let a batch wait."""
        self._backlog.offer(batch)
        return True

    def load(self, snapshot: Snapshot) -> None:
        """Read the log from where the consumer is; of a snapshot only the position matters."""
        shard, seq = snapshot.shard, snapshot.seq
        if shard not in self._begun:
            self._begun.add(shard)
            self._backlog.begin(shard, self._places.begin(shard, seq))
        if (heard := self._backlog.ends[shard]) > seq:
            if (after_seq := self._places.begin_again(shard, seq, heard)) is None:
                return
            self._backlog.begin(shard, after_seq)
        self._backlog.reaches(shard, seq)

    def flush(self) -> None:
        """Nothing: what waits is worked on by itself."""
