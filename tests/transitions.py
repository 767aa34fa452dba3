"""Replays a log and checks that each event takes only transitions of the State Tracker's tables."""

from collections.abc import Iterator
from typing import NamedTuple

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_state_tracker.core.shard import Shard
from penstock_state_tracker.core.transitions import NODE_TRANSITIONS, RUN_TRANSITIONS, Transition


class Step(NamedTuple):
    """One transition that was taken."""

    table: tuple[Transition, ...]
    event: str
    source: int
    target: int

    def __str__(self) -> str:
        return f"{self.event}: {self.source} -> {self.target}"

    @property
    def rows(self) -> list[Transition]:
        """The rows that allow it."""
        _, event, source, target = self
        return [row for row in self.table if row.event == event and source in row.sources and row.target == target]


# Of runs that have ended, by id: the statuses of their nodes, and their states.
Ended = dict[bytes, tuple[bytes, int]]


def applied(state: Shard, event: ev.Event, ended: Ended | None = None) -> list[Step]:
    """Apply the next event of a log; return the transitions that its run and its nodes made by it.

    Args:
        ended: Keeps what has ended, for what is reopened.
    """
    kind = event.WhichOneof("kind") or ""
    if kind == "run_reopened" and ended is not None:
        return _reopened(state, event, *ended[event.run_id])
    if kind == "run_submitted" or event.run_id not in state.runs:
        state.apply(event, 0.0)
        return []
    run = state.runs[event.run_id]
    nodes, was = bytes(run.status), int(run.state)
    state.apply(event, 0.0)
    if kind == "run_ended" and ended is not None:
        ended[event.run_id] = (bytes(run.status), int(event.run_ended.state))
    named = set(_named(event))
    steps = [
        Step(NODE_TRANSITIONS, kind, nodes[node], run.status[node])
        for node in range(len(nodes))
        if nodes[node] != run.status[node] or node in named
    ]
    if kind in ("cancel_requested", "run_ended"):
        now = event.run_ended.state if kind == "run_ended" else run.state
        steps.append(Step(RUN_TRANSITIONS, kind, was, int(now)))
    elif was != run.state:
        steps.append(Step(RUN_TRANSITIONS, kind, was, int(run.state)))
    return steps


def _reopened(state: Shard, event: ev.Event, nodes: bytes, was: int) -> list[Step]:
    state.apply(event, 0.0)
    run, kind = state.runs[event.run_id], "run_reopened"
    steps = [
        Step(NODE_TRANSITIONS, kind, before, now)
        for before, now in zip(nodes, run.status, strict=True)
        if before != now
    ]
    return [*steps, Step(RUN_TRANSITIONS, kind, was, int(run.state))]


def _named(event: ev.Event) -> Iterator[int]:
    """Yield the nodes that the event is about."""
    kind = event.WhichOneof("kind") or ""
    if kind == "nodes_skipped":
        yield from event.nodes_skipped.nodes
    elif kind.startswith("action_"):
        yield getattr(event, kind).node
