"""The log messages of a worker about its failed attempts."""

import logging
from collections.abc import Sequence
from typing import Final

from penstock_observability import logs
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.wire import names_of

MESSAGE_CHARS_MAX: Final = 300
# Of one burst of results.
LINES_MAX: Final = 20

CAUSES: Final = names_of(Cause)

log = logging.getLogger(__name__)


def log_failed(failed: Sequence[Report]) -> None:
    """Tell of attempts that failed."""
    for report in failed[:LINES_MAX]:
        failure = report.failed.failure
        log.warning(
            "an attempt failed (%s): %s",
            CAUSES.get(report.failed.cause, "unknown cause"),
            f"{failure.type}: {failure.message}"[:MESSAGE_CHARS_MAX],
            extra=logs.about(report.run_id, report.node, report.attempt),
        )
    if len(failed) > LINES_MAX:
        log.warning("%d more attempts failed at the same time", len(failed) - LINES_MAX)
