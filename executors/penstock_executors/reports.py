"""How the worker words what became of an action."""

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

MESSAGE_CHARS_MAX = 2_000  # so that at most 8 KiB of UTF-8


def started(grant: Grant, worker: str) -> Report:
    """The action has begun and did not end at once."""
    report = _about(grant, worker)
    report.started.SetInParent()
    return report


def failed(
    grant: Grant,
    worker: str,
    cause: Cause,
    kind: str,
    message: str,
    *,
    duration_s: float = 0.0,
    final: bool = False,
    returned: bool = False,
) -> Report:
    """The action ended without a result; `kind` stands where a class of exception would.

    With `returned`, it is given back instead: it is to run elsewhere or later, and the attempt is not used up.
    """
    report = _about(grant, worker)
    failed = report.failed
    failed.cause, failed.final, failed.duration_us = cause, final, int(duration_s * 1e6)
    failed.returned = returned
    failed.failure.type, failed.failure.message = kind, message[:MESSAGE_CHARS_MAX]
    return report


def reworded(report: Report, cause: Cause, kind: str, message: str) -> Report:
    """The same end under the cause that the worker knows better than the process."""
    copy = Report()
    copy.CopyFrom(report)
    copy.failed.cause, copy.failed.final, copy.failed.returned = cause, False, False
    copy.failed.failure.type, copy.failed.failure.message = kind, message[:MESSAGE_CHARS_MAX]
    return copy


def _about(grant: Grant, worker: str) -> Report:
    return Report(
        run_id=grant.run_id,
        node=grant.node,
        item=grant.item,
        attempt=grant.attempt,
        grant=grant.grant,
        worker=worker,
    )
