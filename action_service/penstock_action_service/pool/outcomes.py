"""Reports that this service makes itself: of what has no worker, or no longer one."""

from penstock_proto.state_tracker.v1.events_pb2 import Cause, Failure
from penstock_proto.state_tracker.v1.reports_pb2 import Failed, Report
from penstock_proto.wire import name_of

from .keys import Key


def passed(key: Key, grant: int) -> Report:
    """A point of order was reached."""
    report = _report(key, grant, "")
    report.succeeded.SetInParent()
    return report


def started(key: Key, grant: int, worker: str) -> Report:
    """An attempt runs, as its worker said before the log was known."""
    report = _report(key, grant, worker)
    report.started.SetInParent()
    return report


def failed(key: Key, grant: int, worker: str, cause: Cause, message: str, *, final: bool = False) -> Report:
    """An attempt ended without its worker's word."""
    report = _report(key, grant, worker)
    failure = Failure(type=name_of(Cause, cause), message=message)
    report.failed.CopyFrom(Failed(cause=cause, failure=failure, final=final))
    return report


def _report(key: Key, grant: int, worker: str) -> Report:
    run_id, node, attempt, item = key
    return Report(run_id=run_id, node=node, attempt=attempt, item=item, grant=grant, worker=worker)
