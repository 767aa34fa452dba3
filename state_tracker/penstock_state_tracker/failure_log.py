"""The log messages about failed attempts and about runs that did not succeed."""

import logging
from collections.abc import Sequence
from typing import Final

from penstock_observability import logs
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from .log.event_log import ACTION_FAILED, RUN_ENDED, Part
from .measures import CAUSES, STATES

# Of one commit: when everything fails at once, a part of it says as much.
LINES_MAX: Final = 20
MESSAGE_CHARS_MAX: Final = 300

log = logging.getLogger(__name__)


def log_commit(parts: Sequence[Part]) -> None:
    """Tell what a commit recorded; costs nothing where all went well."""
    told = left_out = 0
    for part in parts:
        if ACTION_FAILED not in part.kinds and RUN_ENDED not in part.kinds:
            continue
        for kind, event in zip(part.kinds, part.events, strict=True):
            if kind != ACTION_FAILED and not (kind == RUN_ENDED and event.run_ended.state != ev.RUN_STATE_SUCCEEDED):
                continue
            if told == LINES_MAX:
                left_out += 1
                continue
            told += 1
            _log_failure(event) if kind == ACTION_FAILED else _log_end(event)
    if left_out:
        log.warning("%d more attempts or runs failed at the same time", left_out)


def _log_failure(event: ev.Event) -> None:
    failed = event.action_failed
    cause = CAUSES.get(failed.cause, "unknown cause")
    again = f"; retrying in {failed.retry_delay_s:.3g} s" if failed.HasField("retry_delay_s") else ""
    what = ": ".join(filter(None, (failed.failure.type, failed.failure.message)))[:MESSAGE_CHARS_MAX]
    log.warning(
        "an attempt failed (%s) on worker %s: %s%s",
        cause, failed.worker or "-", what or "no details", again,
        extra=logs.about(event.run_id, failed.node, failed.attempt),
    )  # fmt: skip


def _log_end(event: ev.Event) -> None:
    ended = event.run_ended
    state = STATES[ended.state]
    at = f" at node {ended.failed_node}" if ended.state == ev.RUN_STATE_FAILED and ended.failed_node >= 0 else ""
    log.info("the run ended: %s%s", state, at, extra=logs.about(event.run_id))
