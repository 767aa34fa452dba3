"""The stream port: carries news of the logs between services. It may lose anything; followers heal."""

from collections.abc import Callable, Collection, KeysView, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol

from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch

from .messages import Events, Reports
from .source import Source

EVENTS: Final = "events"
ACTIONS: Final = "actions"
REPORTS: Final = "reports"
TOPICS: Final = (EVENTS, ACTIONS, REPORTS)

Message = Events | ActionBatch | Reports
# Gets the messages of one topic in their order; runs on the event loop and must not block.
Handler = Callable[[Sequence[Any]], None]


# Shards to deliver: a fixed set, or a view of what changes.
Shards = AbstractSet[int]


def live(shards: Collection[int]) -> Shards:
    """Return shards in a form that is quick to ask; a view, such as a dict's keys, stays one."""
    return shards if isinstance(shards, KeysView | frozenset) else frozenset(shards)


class Subscription(Protocol):
    def close(self) -> None:
        """End delivery; harmless when repeated."""
        ...


class Stream(Protocol):
    @property
    def gather_s(self) -> float:
        """Return how long messages may gather on their way, so that more of them come together."""
        ...

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Hand messages over without waiting. Those beyond the stream's bound are dropped, and counted."""
        ...

    def subscribe(self, topic: str, handler: Handler, shards: Collection[int] | None = None) -> Subscription:
        """Deliver what is published from now on, of these shards or of all; a dict's keys are looked at each time."""
        ...

    def refuse(self, topic: str, message: Message, reason: str) -> None:
        """Put aside a message that came, and turned out not to be true."""
        ...

    def attach_source(self, source: Source) -> None:
        """Say where the log is read that `events` may lack; for streams that others read."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...
