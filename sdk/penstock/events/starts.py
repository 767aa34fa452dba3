"""Where reading begins."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from penstock_proto.wire import shard_of

# The time in a run's id is of its client's clock, the time of a record of a State Tracker's.
CLOCKS_APART_S: Final = 600
VERSION_WITH_TIME: Final = 7


@dataclass(frozen=True, slots=True)
class Now:
    """New events of all shards."""


@dataclass(frozen=True, slots=True)
class Time:
    """Events of all shards that were published at or after a time."""

    at: datetime

    @property
    def at_ms(self) -> int:
        return max(0, int(self.at.astimezone(UTC).timestamp() * 1000))


@dataclass(frozen=True, slots=True)
class Shard:
    """All that the topic still has of one shard, and what comes."""

    shard: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run alone, from its submission to its end.

    Attributes:
        shards: Of the deployment, as its `Info` says.
    """

    run_id: uuid.UUID
    shards: int = 256

    @property
    def shard(self) -> int:
        return shard_of(self.run_id.bytes, self.shards)

    @property
    def at_ms(self) -> int:
        """Milliseconds of Unix time before which the run was not submitted; 0 where the id does not tell."""
        if self.run_id.version != VERSION_WITH_TIME:
            return 0
        return max(0, int.from_bytes(self.run_id.bytes[:6], "big") - CLOCKS_APART_S * 1000)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where another reader stopped, `EventReader.bookmark`; a plain value that can be kept as JSON.

    Attributes:
        offsets: Of the next record, by partition.
        seqs: Of the last event that was taken, by shard.
    """

    offsets: Mapping[int, int]
    seqs: Mapping[int, int] = field(default_factory=dict[int, int])


Start = Now | Time | Shard | Run | Bookmark
