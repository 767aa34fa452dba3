"""CloudEvents 1.0 in Kafka's binary mode: attributes as headers, the protobuf message as the body.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, cast

from google.protobuf.message import DecodeError
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.events_pb2 import Event, EventBatch
from penstock_proto.state_tracker.v1.reports_pb2 import ReportBatch
from penstock_proto.stream.v1.record_pb2 import Messages
from penstock_proto.wire import RUN_ID_BYTES, shard_of

from ..errors import UnreadableRecord
from ..messages import Events
from ..stream import ACTIONS, EVENTS, REPORTS, Message

# Messages are cut at 256 KiB, and one that a single event makes larger still fits an answer by gRPC.
BODY_BYTES_MAX: Final = 4 * 2**20
AT_US_MAX: Final = 253_402_300_799_999_999  # the year 9999
_CONTENT_TYPE: Final = ("content-type", b"application/protobuf")
TYPES: Final = {
    EVENTS: "io.penstock.events.v1",
    ACTIONS: "io.penstock.actions.v1",
    REPORTS: "io.penstock.reports.v1",
}
# Of records that carry several messages of the type above, in penstock.stream.v1.Messages.
TYPES_OF_MANY: Final = {ACTIONS: "io.penstock.actions.v2", REPORTS: "io.penstock.reports.v2"}
MESSAGES: Final[dict[str, type[EventBatch | ActionBatch | ReportBatch]]] = {
    EVENTS: EventBatch,
    ACTIONS: ActionBatch,
    REPORTS: ReportBatch,
}

Headers = list[tuple[str, bytes]]
Wanted = Callable[[int], bool]


def headers(topic: str, source: str, message: Message, body: bytes) -> Headers:
    """Return the CloudEvents attributes of a message and its encoded form; a repeat, and nothing else, has its id."""
    shard = message.shard
    attributes = [*_same(TYPES[topic], source), _CONTENT_TYPE]
    if topic == EVENTS:
        attributes += _of_events(cast(Events, message))
    else:
        identity = _range_of(cast(ActionBatch, message)) if topic == ACTIONS else _digest(body)
        attributes += (("ce_id", b"%d/%s" % (shard, identity)), ("ce_subject", b"shard/%d" % shard))
    return attributes


def attributes(type_name: str, source: str, identity: bytes, subject: bytes, at_us: int) -> Headers:
    """Return the CloudEvents attributes of a record of another topic; `at_us`: when, in microseconds of Unix time."""
    found = [*_same(type_name, source), _CONTENT_TYPE, ("ce_id", identity), ("ce_subject", subject)]
    if 0 < at_us <= AT_US_MAX:
        found.append(("ce_time", _time(at_us)))
    return found


def headers_of_many(topic: str, source: str, body: bytes) -> Headers:
    """Return the CloudEvents attributes of a record that carries several messages."""
    return [*_same(TYPES_OF_MANY[topic], source), _CONTENT_TYPE, ("ce_id", _digest(body))]


def _of_events(batch: Events) -> Headers:
    shard, from_seq, events = batch.shard, batch.from_seq, batch.events
    attributes = [
        ("ce_id", b"%d/%d/%d-%d" % (shard, batch.epoch, from_seq, from_seq + len(events) - 1)),
        ("ce_subject", _subject(shard, events)),
    ]
    if 0 < (at_us := batch.recorded_at_us) <= AT_US_MAX:
        attributes.append(("ce_time", _time(at_us)))
    return attributes


def _range_of(batch: ActionBatch) -> bytes:
    return b"%d/%d-%d" % (batch.epoch, batch.from_seq, batch.to_seq)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=12).hexdigest().encode()


@lru_cache
def _same(type_name: str, source: str) -> Headers:
    """Return the attributes that all records of a type have."""
    return [("ce_specversion", b"1.0"), ("ce_type", type_name.encode()), ("ce_source", source.encode())]


@lru_cache(64)  # the shards of one commit have one time
def _time(at_us: int) -> bytes:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="microseconds").encode()


def _subject(shard: int, events: Sequence[Event]) -> bytes:
    """Return the run, if the events are about one alone, else the shard."""
    run_ids = {event.run_id for event in events}
    if len(run_ids) == 1 and len(run_id := run_ids.pop()) == RUN_ID_BYTES:
        digits = run_id.hex()  # uuid.UUID takes ten times as long to say the same
        return f"run/{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()
    return b"shard/%d" % shard


def end_of(attributes: Iterable[tuple[str, bytes]]) -> tuple[int, int] | None:
    """Return the shard and the last position that a record of events is about; None if it is none of ours."""
    found = re.fullmatch(rb"(\d+)/\d+/\d+-(\d+)", dict(attributes).get("ce_id") or b"")
    return None if found is None else (int(found[1]), int(found[2]))


def decode(
    topic: str, source: str, attributes: Iterable[tuple[str, bytes]], body: bytes, wanted: Wanted | None = None
) -> list[Message]:
    """Return the messages of a record; of several, only those of the shards that are wanted.

    Raises:
        UnreadableRecord: It is of another type, version or deployment, or its body is corrupt; the text says which.
    """
    found = dict(attributes)
    many = TYPES_OF_MANY.get(topic)
    has_many = many is not None and found.get("ce_type") == many.encode()
    for name, value in _same(many if many and has_many else TYPES[topic], source):
        if (given := found.get(name) or b"") != value:
            raise UnreadableRecord(f"{name} is {given[:100].decode('utf-8', 'replace')!r}, not {value.decode()!r}")
    if len(body) > BODY_BYTES_MAX:
        raise UnreadableRecord(f"the body has {len(body):,} bytes; the limit is {BODY_BYTES_MAX:,}")
    kind = MESSAGES[topic]
    try:
        return [kind.FromString(each) for each in (_messages(body, wanted) if has_many else (body,))]
    except DecodeError as error:
        raise UnreadableRecord(f"the body is not a valid {kind.__name__}: {error}") from error


def _messages(body: bytes, wanted: Wanted | None) -> Iterable[bytes]:
    """Return the encoded messages of a body that carries several; raise DecodeError."""
    together = Messages.FromString(body)
    messages, shards = together.messages, together.shards
    if wanted is None or len(messages) != len(shards):
        return messages
    return [each for each, shard in zip(messages, shards, strict=True) if wanted(shard)]


def check(topic: str, message: Message, shards: int) -> None:
    """Raise UnreadableRecord if no service can have written this message of the topic."""
    shard = message.shard
    if not 0 <= shard < shards:
        raise UnreadableRecord(f"unknown shard {shard} of {shards}")
    for run_id in _RUNS[topic](message):
        if len(run_id) != RUN_ID_BYTES or shard_of(run_id, shards) != shard:
            raise UnreadableRecord(f"run {run_id[:32].hex()} does not belong to shard {shard}")


def _runs_of_events(batch: EventBatch) -> set[bytes]:
    events = batch.events
    if batch.from_seq < 1 or batch.epoch < 1 or not events:
        raise UnreadableRecord(f"invalid range of {len(events)} events from {batch.from_seq} in epoch {batch.epoch}")
    if not 0 <= batch.recorded_at_us <= AT_US_MAX:
        raise UnreadableRecord(f"invalid time recorded_at_us={batch.recorded_at_us}")
    return {event.run_id for event in events}


def _runs_of_actions(batch: ActionBatch) -> set[bytes]:
    from_seq, to_seq = batch.from_seq, batch.to_seq
    if not 0 <= from_seq < to_seq or batch.epoch < 1:
        raise UnreadableRecord(f"invalid range ({from_seq}, {to_seq}] in epoch {batch.epoch}")
    kinds = ((instruction, instruction.WhichOneof("kind")) for instruction in batch.instructions)
    return {getattr(instruction, kind).run_id for instruction, kind in kinds if kind}  # none: of a later version


def _runs_of_reports(batch: ReportBatch) -> set[bytes]:
    return {report.run_id for report in batch.reports}


_RUNS: Final[dict[str, Callable[[Any], set[bytes]]]] = {
    EVENTS: _runs_of_events,
    ACTIONS: _runs_of_actions,
    REPORTS: _runs_of_reports,
}
