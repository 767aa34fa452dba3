"""The stream within one process: the protobuf objects themselves, one delivery for each burst."""

import asyncio
import logging
from collections.abc import Collection, Sequence

from .source import Source
from .stream import TOPICS, Handler, Message, live

PENDING_MESSAGES_MAX = 65_536
DROPS_LOGGED_EVERY_S = 1.0

log = logging.getLogger(__name__)


class LocalSubscription:
    __slots__ = ("_subscribers", "handler", "shards")

    def __init__(
        self, subscribers: "list[LocalSubscription]", handler: Handler, shards: Collection[int] | None
    ) -> None:
        self._subscribers = subscribers
        self.handler = handler
        self.shards = None if shards is None else live(shards)

    def close(self) -> None:
        if self in self._subscribers:
            self._subscribers.remove(self)

    def deliver(self, messages: Sequence[Message]) -> None:
        """Call the handler; its errors are its own and reach neither the publisher nor other handlers."""
        if (shards := self.shards) is not None:
            messages = [message for message in messages if message.shard in shards]
        if not messages:
            return
        try:
            self.handler(messages)
        except Exception:
            log.exception("a handler of the stream failed; its follower will read the missed ranges")


class LocalStream:
    """Delivers all that was published to a topic since the loop's last turn by one call of each handler."""

    gather_s = 0.0

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: dict[str, list[Message]] = {topic: [] for topic in TOPICS}
        self._subscribers: dict[str, list[LocalSubscription]] = {topic: [] for topic in TOPICS}
        self.dropped = 0
        self.refused = 0
        self._drops_logged_at = float("-inf")

    def attach_source(self, source: Source) -> None:
        """Nothing to do: nobody reads this stream who could not ask the log."""

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Forget what is not delivered yet; publishing afterwards drops."""
        self._loop = None
        for pending in self._pending.values():
            pending.clear()

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        pending = self._pending[topic]
        if (loop := self._loop) is None:
            return
        if (room := PENDING_MESSAGES_MAX - len(pending)) < len(messages):
            self._drop(topic, len(messages) - room, loop.time())
            messages = messages[:room]
        if not pending and messages:
            loop.call_soon(self._deliver, topic)
        pending.extend(messages)

    def subscribe(self, topic: str, handler: Handler, shards: Collection[int] | None = None) -> LocalSubscription:
        subscribers = self._subscribers[topic]
        subscription = LocalSubscription(subscribers, handler, shards)
        subscribers.append(subscription)
        return subscription

    def refuse(self, topic: str, message: Message, reason: str) -> None:
        """Count and log it: nobody outside can have written it."""
        self.refused += 1
        log.error("rejected a message of %s about shard %d: %s", topic, message.shard, reason)

    def _deliver(self, topic: str) -> None:
        messages = self._pending[topic]
        if not messages:
            return
        self._pending[topic] = []
        for subscription in tuple(self._subscribers[topic]):
            subscription.deliver(messages)

    def _drop(self, topic: str, count: int, now: float) -> None:
        self.dropped += count
        if now - self._drops_logged_at >= DROPS_LOGGED_EVERY_S:
            self._drops_logged_at = now
            log.warning(
                "stream %s is full: %d messages dropped so far; followers will read the missed ranges",
                topic,
                self.dropped,
            )
