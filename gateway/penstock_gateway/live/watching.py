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
from .folding import Message

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
        self._is_behind = True  # until it has caught up for the first time

    async def stream(self) -> AsyncGenerator[bytes]:
        """Yield events until all runs have ended, the watcher lags, or the gateway ends. Raises TooManyWatchers."""
        with ExitStack() as stack:
            feeds = [stack.enter_context(self._feeds.watched(run.run_id, run.plan, self._news)) for run in self._runs]
            yield RETRY
            while True:
                self._news.clear()
                is_over = all(feed.is_closed for feed in feeds) or any(feed.failure for feed in feeds)
                async with aclosing(self._news_of(feeds)) as events:
                    async for event in events:
                        yield event
                        if event is LAGGED:
                            return
                if is_over:
                    return
                self._is_behind = self._is_behind and self._news.is_set()
                try:
                    async with asyncio.timeout(PING_S):
                        await self._news.wait()
                except TimeoutError:
                    yield PING

    async def _news_of(self, feeds: Sequence[Feed]) -> AsyncGenerator[bytes]:
        """Yield what each run has that was not sent; LAGGED if that is too much."""
        for run, feed in zip(self._runs, feeds, strict=True):
            try:
                async with aclosing(self._rest(run, feed)) as messages:
                    async for message in messages:
                        yield self._event(run, message)
            except _Lagged:
                metrics.HTTP_LAGGED.inc()
                yield LAGGED
                return
            except ClientError:
                log.warning("cannot read the events of run %s for a watcher; it connects again", run.run_id)
                return

    async def _rest(self, run: Watched, feed: Feed) -> AsyncGenerator[Message]:
        """Yield the messages that come after what was sent; raise _Lagged if those are too many."""
        messages = feed.after(run.seq)
        if messages is None and self._is_behind:
            async with aclosing(self._feeds.history(feed, run.seq)) as history:
                async for message in history:
                    yield message
            messages = feed.after(run.seq)
        if messages is None or (
            not self._is_behind and sum(len(message.data) for message in messages) > BEHIND_BYTES_MAX
        ):
            raise _Lagged
        for message in messages:
            yield message

    def _event(self, run: Watched, message: Message) -> bytes:
        data = message.after(run.seq)
        run.seq = message.seq
        return b"event: changes\nid: %s\ndata: %s\n\n" % (position_of(self._runs).encode(), data)


def position_of(runs: Sequence[Watched]) -> str:
    """Return the id of an event: the position of each run, in the order in which they were asked for."""
    return ".".join(str(run.seq) for run in runs)
