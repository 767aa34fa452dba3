"""Where events are read that the public topic lacks: a port of the publisher, which the State Tracker implements."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Final, NamedTuple, Protocol

from penstock_proto.state_tracker.v1.events_pb2 import EventBatch

# How long the topics keep records; older events are not written to a topic that lost them.
RETENTION_S: Final = 7 * 24 * 3600


class Published(NamedTuple):
    """The topic has a shard's log up to `seq`, which the record at `offset` of its partition ends with."""

    seq: int
    offset: int


class Source(Protocol):
    """Where events come from that the topic lacks: the log. Its calls may raise; they are made again."""

    def heads(self) -> Mapping[int, int]:
        """Last committed position of each shard that is owned here."""
        ...

    async def published(self, shards: Collection[int]) -> Mapping[int, Published]:
        """What was saved last of each shard, by whichever owner."""
        ...

    async def save_published(self, positions: Mapping[int, Published]) -> None: ...

    async def oldest(self, shards: Collection[int]) -> Mapping[int, int]:
        """Position of each shard before the first event that the topic's retention would still keep."""
        ...

    def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]:
        """All that is committed after a position."""
        ...
