"""Messages that writers put on a stream without a copy: protobuf copies whatever is put into a message.

Each has the attributes of the protobuf message that it stands for, and encodes to the same bytes. Within one process
it is delivered as it is; readers of Kafka get the protobuf message.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import Message as Protobuf
from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch
from penstock_proto.state_tracker.v1.reports_pb2 import Report, ReportBatch

LENGTH_DELIMITED: Final = 2  # wire type of bytes and messages


@dataclass(slots=True)
class EventRange:
    """An EventBatch. `payloads` are its events as they were encoded for the log."""

    shard: int
    epoch: int
    from_seq: int
    recorded_at_us: int
    events: Sequence[Event]
    payloads: Sequence[bytes]

    def SerializeToString(self) -> bytes:
        head = EventBatch(
            shard=self.shard, epoch=self.epoch, from_seq=self.from_seq, recorded_at_us=self.recorded_at_us
        )
        return joined(head.SerializeToString(), _EVENTS, self.payloads)


@dataclass(slots=True)
class ShardReports:
    """A ReportBatch."""

    shard: int
    reports: Sequence[Report]

    def SerializeToString(self) -> bytes:
        head = ReportBatch(shard=self.shard)
        return joined(head.SerializeToString(), _REPORTS, [report.SerializeToString() for report in self.reports])


Events = EventBatch | EventRange
Reports = ReportBatch | ShardReports


def joined(head: bytes, tag: bytes, parts: Iterable[bytes]) -> bytes:
    """Return an encoded message with the elements of its last field, a repeated one, put behind the others."""
    pieces = [head]
    for part in parts:
        pieces += (tag, _varint(len(part)), part)
    return b"".join(pieces)


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SMALL[number]
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _tag(message: type[Protobuf], field: str) -> bytes:
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | LENGTH_DELIMITED)


_SMALL: Final = [bytes([number]) for number in range(0x80)]
_EVENTS: Final = _tag(EventBatch, "events")
_REPORTS: Final = _tag(ReportBatch, "reports")
