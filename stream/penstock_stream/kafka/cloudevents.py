"""CloudEvents 1.0 in Kafka's binary mode: attributes as headers, the protobuf message as the body.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import hashlib
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_proto.state_tracker.v1.reports_pb2 import ReportBatch
from penstock_proto.wire import RUN_ID_BYTES, shard_of

from ..errors import UnreadableRecord
from ..stream import ACTIONS, EVENTS, REPORTS, Message

# Messages are cut at 256 KiB, and one that a single event makes larger still fits an answer by gRPC.
BODY_BYTES_MAX: Final = 4 * 2**20
AT_US_MAX: Final = 253_402_300_799_999_999  # the year 9999
CONTENT_TYPE: Final = b"application/protobuf"
TYPES: Final = {
    EVENTS: "io.penstock.events.v1",
    ACTIONS: "io.penstock.actions.v1",
    REPORTS: "io.penstock.reports.v1",
}
MESSAGES: Final[dict[str, type[Message]]] = {EVENTS: EventBatch, ACTIONS: ActionBatch, REPORTS: ReportBatch}

Headers = list[tuple[str, bytes]]


def headers(topic: str, source: str, message: Message, body: bytes) -> Headers:
    """Return the CloudEvents attributes of a message and its encoded form; a repeat, and nothing else, has its id."""
    attributes = [
        *_same(topic, source),
        ("ce_id", _identity(message, body).encode()),
        ("ce_subject", _subject(message).encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if isinstance(message, EventBatch) and 0 < message.recorded_at_us <= AT_US_MAX:
        attributes.append(("ce_time", _time(message.recorded_at_us)))
    return attributes


@lru_cache
def _same(topic: str, source: str) -> Headers:
    """Return the attributes that all messages of a topic have."""
    return [("ce_specversion", b"1.0"), ("ce_type", TYPES[topic].encode()), ("ce_source", source.encode())]


@lru_cache(64)  # the shards of one commit have one time
def _time(at_us: int) -> bytes:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="microseconds").encode()


def _identity(message: Message, body: bytes) -> str:
    match message:
        case EventBatch():
            to_seq = message.from_seq + len(message.events) - 1
            return f"{message.shard}/{message.epoch}/{message.from_seq}-{to_seq}"
        case ActionBatch():
            return f"{message.shard}/{message.epoch}/{message.from_seq}-{message.to_seq}"
        case ReportBatch():
            return f"{message.shard}/{hashlib.blake2b(body, digest_size=12).hexdigest()}"


def _subject(message: Message) -> str:
    """Return the run, if the message is about one alone, else the shard."""
    if isinstance(message, EventBatch) and (events := message.events):
        run_id = events[0].run_id
        if len(run_id) == RUN_ID_BYTES and (len(events) == 1 or all(event.run_id == run_id for event in events)):
            return f"run/{uuid.UUID(bytes=run_id)}"
    return f"shard/{message.shard}"


def end_of(attributes: Iterable[tuple[str, bytes]]) -> tuple[int, int] | None:
    """Return the shard and the last position that a record of events is about; None if it is none of ours."""
    found = re.fullmatch(rb"(\d+)/\d+/\d+-(\d+)", dict(attributes).get("ce_id") or b"")
    return None if found is None else (int(found[1]), int(found[2]))


def decode(topic: str, source: str, attributes: Iterable[tuple[str, bytes]], body: bytes) -> Message:
    """Return the message of a record.

    Raises:
        UnreadableRecord: It is of another type, version or deployment, or its body is damaged; the text says which.
    """
    found = dict(attributes)
    for name, value in _same(topic, source):
        if (given := found.get(name) or b"") != value:
            raise UnreadableRecord(f"{name} is {given[:100].decode('utf-8', 'replace')!r}, not {value.decode()!r}")
    if len(body) > BODY_BYTES_MAX:
        raise UnreadableRecord(f"a body of {len(body):,} bytes; the most is {BODY_BYTES_MAX:,}")
    message = MESSAGES[topic]()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise UnreadableRecord(f"the body is no {type(message).__name__}: {error}") from error
    return message


def check(message: Message, shards: int) -> None:
    """Raise UnreadableRecord if the message cannot be true, whoever wrote it."""
    shard = message.shard
    if not 0 <= shard < shards:
        raise UnreadableRecord(f"shard {shard} of {shards}")
    match message:
        case EventBatch():
            if message.from_seq < 1 or message.epoch < 1 or not message.events:
                raise UnreadableRecord(
                    f"a range of {len(message.events)} events from {message.from_seq} in epoch {message.epoch}"
                )
            if not 0 <= message.recorded_at_us <= AT_US_MAX:
                raise UnreadableRecord(f"recorded at {message.recorded_at_us}")
            run_ids = {event.run_id for event in message.events}
        case ActionBatch():
            if not 0 <= message.from_seq < message.to_seq or message.epoch < 1:
                raise UnreadableRecord(f"a range ({message.from_seq}, {message.to_seq}] in epoch {message.epoch}")
            run_ids = {_run_of(instruction) for instruction in message.instructions} - {None}
        case ReportBatch():
            run_ids = {report.run_id for report in message.reports}
    for run_id in run_ids:
        if run_id is not None and (len(run_id) != RUN_ID_BYTES or shard_of(run_id, shards) != shard):
            raise UnreadableRecord(f"run {run_id[:32].hex()}, which is none of shard {shard}")


def _run_of(instruction: Instruction) -> bytes | None:
    """Return the run that an instruction is about; None for a kind of a later version."""
    kind = instruction.WhichOneof("kind")
    return getattr(instruction, kind).run_id if kind else None
