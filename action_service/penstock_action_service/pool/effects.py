"""The effects that the pool requests from its shell; plain values, taken once per flush."""

from dataclasses import dataclass

from penstock_proto.dependency_manager.v1.actions_pb2 import Start
from penstock_proto.state_tracker.v1.reports_pb2 import Report


@dataclass(slots=True)
class Granted:
    """A right to execute; the values of its arguments are still named by reference (`start.inputs`)."""

    grant: int
    shard: int
    start: Start


@dataclass(slots=True)
class ToWorker:
    """Orders for one worker, to be carried out in this order: settle, stop, execute."""

    worker: str
    recorded: list[int]
    stop: list[int]
    grants: list[Granted]


@dataclass(slots=True)
class Publish:
    """Reports of one shard, for the stream."""

    shard: int
    reports: list[Report]


@dataclass(slots=True)
class Resend:
    """Reports of one shard that were published but not recorded for too long, for the RPC."""

    shard: int
    reports: list[Report]


@dataclass(slots=True)
class Learnt:
    """The report was recorded at this position: the values that it carries can be kept for those who need them."""

    shard: int
    seq: int
    report: Report


Effect = ToWorker | Publish | Resend | Learnt
