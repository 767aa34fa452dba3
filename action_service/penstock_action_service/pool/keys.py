"""The name of an attempt, and the places in which it can be listed."""

from __future__ import annotations

from enum import IntEnum

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.dependency_manager.v1.actions_pb2 import Recorded, Running, Start, Stop
from penstock_proto.state_tracker.v1.reports_pb2 import Report

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


def key_of(message: Start | Stop | Recorded | Running | Report | Grant) -> Key:
    """Name the attempt that a message speaks of."""
    item = message.item
    return (message.run_id, message.node, message.attempt, tuple(item) if item else ())
