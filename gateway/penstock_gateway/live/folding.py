"""A run's events as its watchers get them: changes by name, cut into messages, with nodes counted by state."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from penstock.client.progress import Progress, progress
from penstock.client.view import NodeState, RunView
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import service_pb2

from ..edge.answers import shown_time

# Of one message; one change may exceed it alone.
MESSAGE_BYTES_MAX: Final = 32 * 1024
# Of what a failed attempt said: the whole text is with the attempt.
TEXT_CHARS_MAX: Final = 1_000
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Change:
    """One event, as JSON."""

    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """Changes that are sent together; `tail` is what holds after the last of them."""

    head: bytes
    changes: tuple[Change, ...]
    tail: bytes
    data: bytes
    # All of it as a server-sent event of this run alone.
    event: bytes

    @property
    def seq(self) -> int:
        return self.changes[-1].seq

    def after(self, seq: int) -> bytes:
        """Return the JSON of what comes after a position of the log."""
        if self.changes[0].seq > seq:
            return self.data
        return _joined(self.head, [change for change in self.changes if change.seq > seq], self.tail)


class Folding:
    """Takes a run's events from its first on, and makes messages of them."""

    def __init__(self, plan: plan_pb2.Plan, run_id: uuid.UUID) -> None:
        self._plan = plan
        self._view = RunView(plan, run_id.bytes)
        self._counts = self._view.counts()
        self._head = b'{"run":' + _encode(str(run_id))
        self._pending: list[Change] = []
        self._pending_bytes = 0

    @property
    def seq(self) -> int:
        """Position of the last event that was taken."""
        return self._view.seq

    @property
    def is_ended(self) -> bool:
        return self._view.state.ended

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def take(self, events: Iterable[service_pb2.RecordedEvent]) -> Iterator[Message]:
        """Take events; yield each message that is full."""
        for event in events:
            if event.seq <= self._view.seq:
                continue
            nodes = _nodes_of(event)
            self._count(event, nodes)
            change = Change(event.seq, _encode(_shown(progress(self._view.plan, event), nodes) | self._added(event)))
            self._pending.append(change)
            self._pending_bytes += len(change.data)
            if self._pending_bytes >= MESSAGE_BYTES_MAX:
                yield self.message()

    def message(self) -> Message:
        """Return what is pending, at least one change, as a message."""
        changes, self._pending, self._pending_bytes = tuple(self._pending), [], 0
        counts = {state.value: count for state, count in self._counts.items()}
        tail = b'],"state":' + _encode(self._view.state.value) + b',"counts":' + _encode(counts) + b"}"
        data = _joined(self._head, changes, tail)
        return Message(self._head, changes, tail, data, event_of(str(changes[-1].seq), data))

    def _added(self, event: service_pb2.RecordedEvent) -> dict[str, Any]:
        """What a map adds: the index of its first node, how many items, how many nodes."""
        if not (added := event.event.action_succeeded.added):
            return {}
        growth = self._view.growths[-1]
        return {"added": [growth.first, growth.items, added]}

    def _count(self, event: service_pb2.RecordedEvent, indexes: Sequence[int]) -> None:
        if event.event.WhichOneof("kind") in ("run_submitted", "run_reopened"):  # of any number of nodes
            self._view.apply(event)
            self._counts = self._view.counts()
            return
        nodes = [self._view.nodes[index] for index in indexes]
        before = [node.state for node in nodes]
        known = len(self._view.nodes)
        self._view.apply(event)
        for state, node in zip(before, nodes, strict=True):
            self._counts[state] -= 1
            self._counts[NodeState(node.state)] += 1
        if added := len(self._view.nodes) - known:
            self._counts[NodeState.WAITING] += added


def event_of(position: str, data: bytes) -> bytes:
    """Return a server-sent event; its id is a position."""
    return b"event: changes\nid: %s\ndata: %s\n\n" % (position.encode(), data)


def _joined(head: bytes, changes: Iterable[Change], tail: bytes) -> bytes:
    return head + b',"changes":[' + b",".join([change.data for change in changes]) + tail


def _nodes_of(event: service_pb2.RecordedEvent) -> list[int]:
    kind = event.event.WhichOneof("kind")
    if kind == "nodes_skipped":
        return list(event.event.nodes_skipped.nodes)
    return [getattr(event.event, kind).node] if kind and kind.startswith("action_") else []


def _shown(one: Progress, indexes: Sequence[int]) -> dict[str, Any]:
    """What is not there is left out: there are many changes."""
    shown: dict[str, Any] = {"seq": one.seq, "at": shown_time(one.at_us), "kind": one.kind}
    if one.nodes:
        shown["nodes"] = one.nodes
    if indexes:
        shown["indexes"] = indexes
    for name in ("attempt", "worker", "duration_s", "retry_delay_s", "cause"):
        if found := getattr(one, name):
            shown[name] = found
    if one.message:
        shown["message"] = one.message[:TEXT_CHARS_MAX]
    return shown
