"""One record of the topic: CloudEvents in Kafka's binary mode around a range of one shard's log. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import DecodeError
from penstock_proto.state_tracker.v1 import events_pb2
from penstock_proto.wire import RUN_ID_BYTES

from ..errors import PenstockError

TYPE: Final = "io.penstock.events.v1"
SPEC_VERSION: Final = "1.0"
AT_US_MAX: Final = 253_402_300_799_999_999  # the year 9999


class UnreadableEvent(PenstockError):
    """A record of the topic is of another type or version, or damaged."""


class EventsLost(PenstockError):
    """The retention of the topic deleted events before they were read.

    Attributes:
        partitions: Number of deleted records, by partition.
    """

    def __init__(self, topic: str, partitions: dict[int, int]) -> None:
        super().__init__(
            f"the retention of {topic} deleted {sum(partitions.values())} records of {len(partitions)} partitions "
            "before they were read. Read them from the log (the RPC Read, or AsyncClient.events for a run), "
            "or continue without them: skip_lost=True"
        )
        self.partitions = partitions


class RunExpired(EventsLost):
    """The topic does not contain a run's events, or not its first ones."""

    def __init__(self, topic: str, run_id: uuid.UUID, *, begun: bool = False) -> None:
        what = "lacks the first events" if begun else "contains no events"
        PenstockError.__init__(
            self,
            f"{topic} {what} of run {run_id}: its retention deleted them, or the run does not exist. "
            "To read a run's events from the log, use AsyncClient.events",
        )
        self.partitions, self.run_id = {}, run_id


@dataclass(slots=True)
class Event:
    """A fact about one run, with its place in the log.

    Attributes:
        seq: Its position in the shard's log, from 1 without a gap: (shard, seq) is an event's identity.
        recorded_at_us: Microseconds of Unix time by the database's clock.
        kind: "run_submitted", "action_started", "action_succeeded", "action_failed", "nodes_skipped",
            "cancel_requested" or "run_ended"; empty for one of a later version.
        message: The protobuf message `penstock.state_tracker.v1.Event`.
        missed: Events of this shard right before this one that the topic does not have any more; at most so many,
            where the shard was not seen before and its partition has lost records.
    """

    shard: int
    seq: int
    epoch: int
    recorded_at_us: int
    message: events_pb2.Event
    missed: int = 0

    @property
    def kind(self) -> str:
        return self.message.WhichOneof("kind") or ""

    @property
    def body(self) -> Any:
        """The message of its kind, such as `ActionFailed`; None for a kind of a later version."""
        return getattr(self.message, self.kind) if self.kind else None

    @property
    def run_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.message.run_id)

    @property
    def recorded_at(self) -> datetime:
        return datetime.fromtimestamp(self.recorded_at_us / 1e6, UTC)


def decode(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> events_pb2.EventBatch:
    """Return the range that a record carries; raise UnreadableEvent."""
    attributes = dict(headers)
    for name, expected in (("ce_specversion", SPEC_VERSION), ("ce_type", TYPE)):
        if (given := attributes.get(name) or b"") != expected.encode():
            raise UnreadableEvent(f"{name} is {given[:100].decode('utf-8', 'replace')!r}, not {expected!r}")
    batch = events_pb2.EventBatch()
    try:
        batch.ParseFromString(value or b"")
    except DecodeError as error:
        raise UnreadableEvent(f"the body is not a valid EventBatch: {error}") from error
    if batch.from_seq < 1 or batch.shard < 0 or not batch.events:
        raise UnreadableEvent(
            f"invalid range of {len(batch.events)} events from {batch.from_seq} of shard {batch.shard}"
        )
    if not 0 <= batch.recorded_at_us <= AT_US_MAX:
        raise UnreadableEvent(f"invalid time recorded_at_us={batch.recorded_at_us}")
    if any(len(event.run_id) != RUN_ID_BYTES for event in batch.events):
        raise UnreadableEvent("an event without a valid run id")
    return batch


class Order:
    """The last event of each shard that was taken, by which repeats and gaps are told."""

    def __init__(self, seqs: dict[int, int]) -> None:
        self.seqs = seqs
        self._lost: set[int] = set()
        self._partitions = 1

    def note_lost(self, partition: int, partitions: int) -> None:
        """Note that a partition has lost records: shards that were never seen have a gap, too."""
        self._lost.add(partition)
        self._partitions = partitions

    def missing(self, batch: events_pb2.EventBatch) -> int:
        """Return how many events lie between the last one taken and this range; 0 if nothing was taken yet."""
        last = self.seqs.get(batch.shard)
        if last is None:
            return batch.from_seq - 1 if batch.shard % self._partitions in self._lost else 0
        return max(0, batch.from_seq - 1 - last)

    def take(self, batch: events_pb2.EventBatch) -> Iterator[Event]:
        """Yield the events that were not taken before; each counts as taken once it is yielded."""
        shard, epoch, at_us, from_seq = batch.shard, batch.epoch, batch.recorded_at_us, batch.from_seq
        missed = self.missing(batch)
        known = self.seqs.get(shard, 0)
        for index, message in enumerate(batch.events):
            seq = from_seq + index
            if seq > known:
                self.seqs[shard] = seq
                yield Event(shard, seq, epoch, at_us, message, missed)
                missed = 0
