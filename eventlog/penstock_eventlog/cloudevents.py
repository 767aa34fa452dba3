"""CloudEvents 1.0 in Kafka's binary mode: attributes as headers, the protobuf message as the body.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch
from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_proto.state_tracker.v1.reports_pb2 import ReportBatch

from .errors import UnreadableRecord
from .shards import shard_of
from .stream import ACTIONS, EVENTS, REPORTS, Message

RUN_ID_BYTES: Final = 16
CONTENT_TYPE: Final = b"application/protobuf"
TYPES: Final = {
    EVENTS: "io.penstock.events.v1",
    ACTIONS: "io.penstock.actions.v1",
    REPORTS: "io.penstock.reports.v1",
}
MESSAGES: Final[dict[str, type[Message]]] = {EVENTS: EventBatch, ACTIONS: ActionBatch, REPORTS: ReportBatch}

Headers = list[tuple[str, bytes]]


def headers(topic: str, source: str, message: Message) -> Headers:
    """Return the CloudEvents attributes of a message; the id names the range, so a repeat has the same one."""
    attributes = [
        ("ce_specversion", b"1.0"),
        ("ce_type", TYPES[topic].encode()),
        ("ce_source", source.encode()),
        ("ce_id", _identity(message).encode()),
        ("ce_subject", f"shard/{message.shard}".encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if isinstance(message, EventBatch) and message.recorded_at_us:
        recorded_at = datetime.fromtimestamp(message.recorded_at_us / 1e6, UTC)
        attributes.append(("ce_time", recorded_at.isoformat(timespec="microseconds").encode()))
    return attributes


def _identity(message: Message) -> str:
    match message:
        case EventBatch():
            to_seq = message.from_seq + len(message.events) - 1
            return f"{message.shard}/{message.epoch}/{message.from_seq}-{to_seq}"
        case ActionBatch():
            return f"{message.shard}/{message.epoch}/{message.from_seq}-{message.to_seq}"
        case ReportBatch():
            grants = [report.grant for report in message.reports]
            return f"{message.shard}/{min(grants, default=0)}-{max(grants, default=0)}/{len(grants)}"


def end_of(attributes: Iterable[tuple[str, bytes]]) -> tuple[int, int] | None:
    """Return the shard and the last position that a record of events is about; None if it is none of ours."""
    found = re.fullmatch(rb"(\d+)/\d+/\d+-(\d+)", dict(attributes).get("ce_id", b""))
    return None if found is None else (int(found[1]), int(found[2]))


def decode(topic: str, attributes: Iterable[tuple[str, bytes]], body: bytes | None) -> Message:
    """Return the message of a record.

    Raises:
        UnreadableRecord: It is of another type or version, or its body is damaged; the text says which.
    """
    found = dict(attributes)
    kind = found.get("ce_type", b"").decode("utf-8", "replace")
    if kind != TYPES[topic]:
        raise UnreadableRecord(f"ce_type is {kind[:100]!r}, not {TYPES[topic]!r}")
    if found.get("ce_specversion") != b"1.0":
        raise UnreadableRecord(f"ce_specversion is {found.get('ce_specversion', b'')[:20]!r}, not '1.0'")
    message = MESSAGES[topic]()
    try:
        message.ParseFromString(body or b"")
    except Exception as error:
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
                raise UnreadableRecord(f"a range of {len(message.events)} events from {message.from_seq}")
            run_ids = {event.run_id for event in message.events}
        case ActionBatch():
            if not 0 <= message.from_seq < message.to_seq:
                raise UnreadableRecord(f"a range ({message.from_seq}, {message.to_seq}]")
            return
        case ReportBatch():
            run_ids = {report.run_id for report in message.reports}
    for run_id in run_ids:
        if len(run_id) != RUN_ID_BYTES or shard_of(run_id, shards) != shard:
            raise UnreadableRecord(f"run {run_id[:32].hex()}, which is none of shard {shard}")
