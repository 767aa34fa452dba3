"""One attempt at one node, from its start until its end is recorded."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.dependency_manager.v1.actions_pb2 import Recorded, Running, Start, Stop
from penstock_proto.state_tracker.v1.reports_pb2 import Report

if TYPE_CHECKING:
    from .durations import Duration
    from .shapes import Shape
    from .teams import Team
    from .turns import Line, Run
    from .workers import Worker

Key = tuple[bytes, int, int, tuple[int, ...]]  # run id, node, attempt, path of the item
UNCLAIMED = -1  # the shard of what a worker holds and no log has named yet


class State(IntEnum):
    """Where an attempt is; each has one place in which it is listed."""

    DELAYED = 1  # until its time comes
    QUEUED = 2  # for a worker
    GRANTED = 3  # held by a worker
    AWAITED = 4  # the log says it runs; its worker has not come back yet
    ENDED = 5  # reported, and not yet recorded
    FORGOTTEN = 6  # a worker may still hold it


class Action:
    """The mutable record of one attempt."""

    __slots__ = (
        "arrival",
        "avoided",
        "backoff_s",
        "duration",
        "grant",
        "granted_at",
        "key",
        "line",
        "load_s",
        "long",
        "may_be_recorded",
        "note",
        "pulled",
        "queued_at",
        "report",
        "reporter",
        "returned_after_s",
        "returned_at",
        "run",
        "running",
        "shape",
        "shard",
        "share",
        "start",
        "started",
        "state",
        "stopping",
        "team",
        "timeout_s",
        "worker",
    )

    def __init__(
        self, key: Key, shard: int, start: Start, shape: Shape, duration: Duration, team: Team, arrival: int
    ) -> None:
        self.key, self.shard, self.start, self.shape, self.duration = key, shard, start, shape, duration
        self.team, self.run, self.arrival = team, team.open_run(key[0], arrival), arrival
        self.run: Run
        self.timeout_s: float = start.timeout_s
        self.state = State.DELAYED
        self.line: Line | None = None  # in which it is queued
        self.queued_at: float = 0.0
        self.grant = 0
        self.granted_at: float = 0.0
        self.worker: Worker | None = None  # whose resources it holds, also after its end was decided elsewhere
        self.running = False  # false: waits at its worker, ahead of capacity
        self.load_s: float = 0.0  # what it adds to the sums of its worker and its team
        self.long: float = 0.0
        self.share: float = 0.0
        self.started = False  # its worker said so
        self.may_be_recorded = False  # the log may say that it runs, under this grant or a former one
        self.stopping = False
        self.pulled = False  # asked back from a worker that does not get to it
        self.report: Report | None = None  # how it ended
        self.reporter = ""  # the worker that waits for its end to be recorded
        self.backoff_s: float = 0.0
        self.returned_at: float | None = None  # first given back by a worker that could not execute it
        self.returned_after_s: float = 0.0  # before it is granted again
        self.avoided = ""  # the worker that gave it back last
        self.note = ""  # for people: what happened to it last


def key_of(message: Start | Stop | Recorded | Running | Report | Grant) -> Key:
    """Name the attempt that a message speaks of."""
    item = message.item
    return (message.run_id, message.node, message.attempt, tuple(item) if item else ())
