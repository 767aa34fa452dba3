"""The feeds of a process: one for each run that is watched, with one Watch of the State Tracker for all watchers."""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from typing import Final

from penstock.client import ClientError
from penstock_observability import metrics
from penstock_proto.plan.v1 import plan_pb2

from ..errors import TooManyWatchers
from ..upstream import Upstream
from .folding import Folding, Message
from .replay import Dropped, Replay

# Changes within this time travel together.
COALESCE_S: Final = 0.1
# Of one feed: what was sent last, for those who come back.
KEPT_BYTES_MAX: Final = 2**20
WATCHERS_MAX: Final = 5_000

log = logging.getLogger(__name__)


class Feed:
    """The messages of one run, the last ones kept. Watchers are woken by their event and look for themselves."""

    def __init__(self, client: Upstream, run_id: uuid.UUID, plan: plan_pb2.Plan) -> None:
        self.run_id, self.plan = run_id, plan
        # Position up to which messages were dropped.
        self.floor = 0
        # All that was recorded when the feed began has been read.
        self.is_current = False
        # No more will come: the run has ended, or the State Tracker cannot be reached.
        self.is_closed = False
        self.failure: ClientError | None = None
        self.watchers: set[asyncio.Event] = set()
        # Of those who read now what is no longer kept.
        self.replay: Replay | None = None
        self._client = client
        self._kept: deque[Message] = deque()
        self._kept_bytes = 0
        self._folding = Folding(plan, run_id)
        self._flushing: asyncio.TimerHandle | None = None
        self._flushed_s = 0.0
        self._task = asyncio.create_task(self._follow(), name=f"feed {run_id}")

    def after(self, seq: int) -> list[Message] | None:
        """Return the messages with changes after a position; None if some of them were dropped."""
        if seq < self.floor:
            return None
        found: list[Message] = []
        for message in reversed(self._kept):
            if message.seq <= seq:
                break
            found.append(message)
        return found[::-1]

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        for watcher in self.watchers:
            watcher.set()

    async def _follow(self) -> None:
        try:
            await self._take(follow=False)
            self.is_current = True
            if not self._folding.is_ended:
                await self._take(follow=True)
        except ClientError as error:
            log.warning("cannot follow run %s: %s", self.run_id, error)
            self.failure = error
        finally:
            if self._flushing is not None:
                self._flushing.cancel()
            self._flush()
            self.is_closed = True
            self.wake()

    async def _take(self, *, follow: bool) -> None:
        async with aclosing(self._client.events(self.run_id, after_seq=self._folding.seq, follow=follow)) as batches:
            async for batch in batches:
                for message in self._folding.take(batch):
                    self._keep(message)
                self._flush_soon()

    def _flush_soon(self) -> None:
        """The first change after a pause goes out at once, what follows gathers."""
        if self._flushing is None and self._folding.has_pending:
            loop = asyncio.get_running_loop()
            self._flushing = loop.call_at(max(loop.time(), self._flushed_s + COALESCE_S), self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._flushed_s = asyncio.get_running_loop().time()
        if self._folding.has_pending:
            self._keep(self._folding.message())
        self.wake()

    def _keep(self, message: Message) -> None:
        self._kept.append(message)
        self._kept_bytes += len(message.data)
        while self._kept_bytes > KEPT_BYTES_MAX and len(self._kept) > 1:
            dropped = self._kept.popleft()
            self._kept_bytes -= len(dropped.data)
            self.floor = dropped.seq


class Room:
    """How many watchers there are in the whole process."""

    def __init__(self) -> None:
        self.watchers = 0


class Feeds:
    """Feeds by run; one that nobody watches any longer ends. All of them use one client, and so one token."""

    def __init__(self, client: Upstream, room: Room | None = None) -> None:
        self._client, self._room = client, room or Room()
        self._feeds: dict[uuid.UUID, Feed] = {}
        self._watchers = 0
        self._ending: set[asyncio.Task[None]] = set()
        self._stops = [
            metrics.HTTP_STREAMS.register_one(lambda: self._watchers),
            metrics.HTTP_FEEDS.register_one(lambda: len(self._feeds)),
        ]
        self.is_closing = False

    @property
    def is_watched(self) -> bool:
        return self._watchers > 0

    def check_room(self) -> None:
        """Raise TooManyWatchers if no more may watch."""
        if self._room.watchers >= WATCHERS_MAX or self.is_closing:
            raise TooManyWatchers(
                f"this gateway serves {self._room.watchers} streams of events, and no more; retry later"
            )

    @contextmanager
    def watched(self, run_id: uuid.UUID, plan: plan_pb2.Plan, watcher: asyncio.Event) -> Generator[Feed]:
        """Lend the feed of a run; its news set the event. Raises TooManyWatchers."""
        self.check_room()
        feed = self._feeds.get(run_id)
        if feed is None or (feed.is_closed and feed.failure is not None):
            feed = self._feeds[run_id] = Feed(self._client, run_id, plan)
        self._watchers += 1
        self._room.watchers += 1
        feed.watchers.add(watcher)
        try:
            yield feed
        finally:
            self._watchers -= 1
            self._room.watchers -= 1
            feed.watchers.discard(watcher)
            if not feed.watchers:
                if self._feeds.get(run_id) is feed:
                    del self._feeds[run_id]
                ending = asyncio.create_task(feed.close())
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)

    async def history(self, feed: Feed, seq: int) -> AsyncGenerator[Message]:
        """Yield what a feed no longer keeps, at the pace of one watcher; those who read at the same time share it."""
        while True:
            if (replay := feed.replay) is None or not replay.has(seq):
                replay = feed.replay = Replay(self._client, feed.run_id, feed.plan)
            try:
                async with aclosing(replay.after(seq)) as messages:
                    async for message in messages:
                        yield message
                        seq = message.seq
                return
            except Dropped:
                continue

    async def close(self) -> None:
        """End all feeds, and with them the streams of their watchers."""
        self.is_closing = True
        for feed in list(self._feeds.values()):
            await feed.close()
        for stop in self._stops:
            stop()
