"""What is said of an ended run: as JSON, and in words made of that JSON."""

import datetime
import json
import uuid
from typing import Any, Final

from penstock_proto.notifications.v1 import service_pb2 as api

from .runs import Run

NAMES: Final[dict[int, str]] = {
    api.KIND_SUCCEEDED: "succeeded",
    api.KIND_FAILED: "failed",
    api.KIND_CANCELLED: "cancelled",
}
KINDS: Final[dict[str, api.Kind]] = {
    "succeeded": api.KIND_SUCCEEDED,
    "failed": api.KIND_FAILED,
    "cancelled": api.KIND_CANCELLED,
}
SUBJECT_CHARS_MAX: Final = 200


def body(run: Run, kind: int, failed_node: str) -> bytes:
    """Return the body of a webhook, whose bytes are the same in every attempt."""
    data: dict[str, Any] = {
        "run": str(uuid.UUID(bytes=run.run_id)),
        "workflow": run.workflow,
        "launched_as": run.launched_as or None,
        "team": run.team,
        "user": run.user,
        "state": NAMES[kind],
        "submitted_at": _time(run.submitted_us),
        "ended_at": _time(run.ended_us),
        "duration_s": max(0, run.ended_us - run.submitted_us) / 1e6,
        "labels": run.labels,
        "failure": {"node": failed_node, "message": run.failure} if kind == api.KIND_FAILED else None,
        "reason": run.reason if kind == api.KIND_CANCELLED else None,
    }
    return _written({"type": f"run.{NAMES[kind]}", "timestamp": _time(run.ended_us), "data": data})


def test_body(channel: str, now_us: int) -> bytes:
    """Return the body of a message that only shows that a channel works."""
    return _written({"type": "channel.test", "timestamp": _time(now_us), "data": {"channel": channel}})


def subject(sent: bytes) -> str:
    """Return one line about a body."""
    message = json.loads(sent)
    data = message["data"]
    if message["type"] == "channel.test":
        return f"Penstock: test of the channel {data['channel']}"
    what = data["launched_as"] or data["workflow"]
    return one_line(f"Penstock: {what} {data['state']}")[:SUBJECT_CHARS_MAX]


def text(sent: bytes) -> str:
    """Return a body in some lines of words."""
    message = json.loads(sent)
    data = message["data"]
    if message["type"] == "channel.test":
        return f"The channel {data['channel']} works.\n"
    lines = [
        f"Run {data['run']} of {data['launched_as'] or data['workflow']} {_was(data['state'])}"
        f" after {data['duration_s']:.1f} s.",
    ]
    if data["failure"] is not None:
        lines += [f"Node {data['failure']['node']}: {data['failure']['message']}"] if data["failure"]["node"] else []
    if data["reason"]:
        lines.append(f"Reason: {data['reason']}")
    named = (("Team", data["team"]), ("User", data["user"]), ("Ended", data["ended_at"]))
    lines += [f"{name}: {value}" for name, value in named if value]
    lines += [f"{name}={value}" for name, value in data["labels"].items()]
    lines.append(f"More: penstock show {data['run']}")
    return "\n".join(map(one_line, lines)) + "\n"


def one_line(text: str) -> str:
    """Return a text without what ends a line or is not printed, so that it can stand in a header."""
    return "".join(char if char.isprintable() else " " for char in text)


def _was(state: str) -> str:
    return "was cancelled" if state == "cancelled" else state


def _time(at_us: int) -> str:
    return datetime.datetime.fromtimestamp(at_us / 1e6, datetime.UTC).isoformat(timespec="milliseconds")


def _written(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
