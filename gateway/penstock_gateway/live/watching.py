"""One watcher: server-sent events of one run or several, which can be taken up again exactly where they were cut."""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Final

from penstock.client import ClientError
from penstock_observability import metrics
from penstock_proto.plan.v1 import plan_pb2

from ..errors import GatewayError
from .feeds import Feed, Feeds
from .folding import Message, event_of

PING_S: Final = 15.0
# How far a watcher may be behind once it has caught up.
BEHIND_BYTES_MAX: Final = 256 * 1024
# How long a browser waits before it connects again.
RETRY: Final = b"retry: 1000\n\n"
PING: Final = b": ping\n\n"
LAGGED: Final = b"event: lagged\ndata: {}\n\n"


log = logging.getLogger(__name__)


class _Lagged(GatewayError):
    """The watcher is too far behind."""


@dataclass(slots=True)
class Watched:
    """A run that is watched, and the position of the last change that was sent."""

    run_id: uuid.UUID
    plan: plan_pb2.Plan
    seq: int


class Watcher:
    """Yields the bytes of one stream."""

    def __init__(self, feeds: Feeds, runs: Sequence[Watched]) -> None:
        self._feeds, self._runs = feeds, runs
        self._news = asyncio.Event()
        self.is_behind = True  # until it has caught up for the first time

    async def stream(self) -> AsyncGenerator[bytes]:
        """Yield events until all runs have ended, the watcher lags, or the gateway ends. Raises TooManyWatchers."""
        with ExitStack() as stack:
            feeds = [stack.enter_context(self._feeds.watched(run.run_id, run.plan, self._news)) for run in self._runs]
            watched = list(zip(self._runs, feeds, strict=True))
            yield RETRY
            while True:
                self._news.clear()
                is_over = all(feed.is_closed for feed in feeds) or any(feed.failure for feed in feeds)
                for run, feed in watched:
                    seq = -1
                    while self.is_behind and seq < run.seq < feed.floor:
                        seq = run.seq
                        async for event in self._history(run, feed):
                            yield event
                try:
                    news = self._news_of(watched)
                except _Lagged:
                    metrics.HTTP_LAGGED.inc()
                    yield LAGGED
                    return
                if news:
                    yield news
                if is_over:
                    return
                is_more = self._news.is_set() or not all(feed.is_current for feed in feeds)
                self.is_behind = self.is_behind and is_more
                try:
                    async with asyncio.timeout(PING_S):
                        await self._news.wait()
                except TimeoutError:
                    yield PING

    async def _history(self, run: Watched, feed: Feed) -> AsyncGenerator[bytes]:
        """Yield what the feed no longer has. What cannot be read is asked for again by the client."""
        try:
            async with aclosing(self._feeds.history(feed, run.seq)) as history:
                async for message in history:
                    yield self._event(run, message)
        except ClientError as error:
            log.warning("cannot read the events of run %s for a watcher: %s", run.run_id, error)

    def _news_of(self, watched: Sequence[tuple[Watched, Feed]]) -> bytes:
        """Return what was not sent yet; raise _Lagged if that is too much, or no longer there."""
        events: list[bytes] = []
        for run, feed in watched:
            messages = feed.after(run.seq)
            if messages is None:
                raise _Lagged
            if not self.is_behind and sum([len(message.data) for message in messages]) > BEHIND_BYTES_MAX:
                raise _Lagged
            events += [self._event(run, message) for message in messages]
        return b"".join(events)

    def _event(self, run: Watched, message: Message) -> bytes:
        seq, run.seq = run.seq, message.seq
        if len(self._runs) == 1 and message.changes[0].seq > seq:
            return message.event  # the same for all who watch this run alone
        return event_of(position_of(self._runs), message.after(seq))


def position_of(runs: Sequence[Watched]) -> str:
    """Return the id of an event: the position of each run, in the order in which they were asked for."""
    return ".".join(str(run.seq) for run in runs)
