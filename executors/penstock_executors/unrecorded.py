"""Ends of actions that the log has not confirmed yet, each repeated with back-off until it has."""

import math
from collections import OrderedDict
from collections.abc import Iterator

from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.state_tracker.v1.reports_pb2 import Report

RESEND_S = 1.0  # before the first repetition; it doubles
RESEND_MAX_S = 10.0
RESEND_BATCH_MAX = 500  # reports repeated at once
RESEND_PAUSE_S = 0.05  # between two such batches
FORGOTTEN_MAX = 16_384  # grants remembered after they were settled, so that a late repetition does not run again


class Unrecorded:
    """A terminal report on its way."""

    __slots__ = ("backoff_s", "grant", "report", "resend_at")

    def __init__(self, grant: Grant, report: Report, now: float) -> None:
        self.grant = grant
        self.report = report
        self.backoff_s = RESEND_S
        self.resend_at = now + RESEND_S


class Ended:
    """All terminal reports of a worker that are not recorded."""

    def __init__(self) -> None:
        self.due = math.inf  # when something is to be repeated
        self._open: dict[int, Unrecorded] = {}
        self._forgotten: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def grants(self) -> Iterator[Grant]:
        """Grants whose end is not recorded."""
        return (unrecorded.grant for unrecorded in self._open.values())

    def add(self, number: int, grant: Grant, report: Report, now: float) -> None:
        """Keep a report until it is recorded."""
        self._open[number] = Unrecorded(grant, report, now)
        self.due = min(self.due, now + RESEND_S)

    def forget(self, number: int) -> bool:
        """Drop the report of a grant; False if it does not exist."""
        if self._open.pop(number, None) is None:
            return number in self._forgotten
        self.remember(number)
        return True

    def remember(self, number: int) -> None:
        """The grant is over: if it comes again, it comes late."""
        self._forgotten[number] = None
        if len(self._forgotten) > FORGOTTEN_MAX:
            self._forgotten.popitem(last=False)

    def repeat_if_ended(self, number: int, now: float) -> bool:
        """Whether a grant that arrives was executed already; its report is then repeated soon."""
        if unrecorded := self._open.get(number):
            unrecorded.resend_at = self.due = now
            return True
        return number in self._forgotten

    def hurry(self, now: float) -> None:
        """Repeat everything now."""
        for unrecorded in self._open.values():
            unrecorded.backoff_s, unrecorded.resend_at = RESEND_S, now
        self.due = now if self._open else math.inf

    def repeat(self, now: float) -> list[Report]:
        """Reports to send again now."""
        if now < self.due:
            return []
        again: list[Report] = []
        self.due = math.inf
        for unrecorded in self._open.values():
            if unrecorded.resend_at <= now and len(again) < RESEND_BATCH_MAX:
                again.append(unrecorded.report)
                unrecorded.resend_at = now + unrecorded.backoff_s
                unrecorded.backoff_s = min(2 * unrecorded.backoff_s, RESEND_MAX_S)
            self.due = min(self.due, unrecorded.resend_at)
        if again:
            self.due = max(self.due, now + RESEND_PAUSE_S)
        return again
