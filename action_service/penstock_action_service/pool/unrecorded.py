"""Reports that were published and not recorded yet: which of them to send again, and when."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock_proto.state_tracker.v1.reports_pb2 import Report

    from .records import Action

FIRST_S = 1.0  # the delay doubles from here
LONGEST_S = 10.0
AT_ONCE_MAX = 1000


class Unrecorded:
    """Ended actions by the grant that their reports name."""

    __slots__ = ("_by_grant", "_fresh", "_late", "_number")

    def __init__(self) -> None:
        self._by_grant: dict[int, Action] = {}
        self._fresh: OrderedDict[int, float] = OrderedDict()  # not sent again yet, oldest first
        self._late: list[tuple[float, int, int]] = []  # heap: when, tie-break, grant; holds each grant at most once
        self._number = count()

    def __len__(self) -> int:
        return len(self._by_grant)

    def __contains__(self, grant: int) -> bool:
        return grant in self._by_grant

    def add(self, grant: int, action: Action, now: float) -> None:
        self._by_grant[grant] = action
        self._fresh[grant] = now

    def pop(self, grant: int) -> Action | None:
        self._fresh.pop(grant, None)
        return self._by_grant.pop(grant, None)

    def take_due(self, now: float) -> list[Action]:
        """Return those to be sent again now, a bounded number; each then waits twice as long as before."""
        grants: list[int] = []
        while self._late and self._late[0][0] <= now and len(grants) < AT_ONCE_MAX:
            grants.append(heappop(self._late)[2])
        while self._fresh and len(grants) < AT_ONCE_MAX:
            grant, since = next(iter(self._fresh.items()))
            if now - since < FIRST_S:
                break
            del self._fresh[grant]
            grants.append(grant)
        actions = [self._by_grant[grant] for grant in grants if grant in self._by_grant]
        for action in actions:
            action.backoff_s = min(LONGEST_S, 2 * action.backoff_s or 2 * FIRST_S)
            assert action.report is not None
            heappush(self._late, (now + action.backoff_s, next(self._number), action.report.grant))
        return actions


class UnrecordedStarts:
    """Reports that attempts have started, by grant, until the log says so or the attempt has left its worker."""

    __slots__ = ("_due", "_number", "_of")

    def __init__(self) -> None:
        self._of: dict[int, tuple[int, Report]] = {}  # with the shard
        self._due: list[tuple[float, int, int, float]] = []  # heap: when, tie-break, grant, delay after that
        self._number = count()

    def __len__(self) -> int:
        return len(self._of)

    def add(self, shard: int, report: Report, now: float) -> None:
        self._of[report.grant] = shard, report
        heappush(self._due, (now + FIRST_S, next(self._number), report.grant, 2 * FIRST_S))

    def pop(self, grant: int) -> None:
        self._of.pop(grant, None)

    def take_due(self, now: float) -> list[tuple[int, Report]]:
        """Return those to be sent again now, a bounded number, with their shards."""
        due: list[tuple[int, Report]] = []
        while self._due and self._due[0][0] <= now and len(due) < AT_ONCE_MAX:
            _, _, grant, delay_s = heappop(self._due)
            if grant in self._of:
                due.append(self._of[grant])
                heappush(self._due, (now + delay_s, next(self._number), grant, min(LONGEST_S, 2 * delay_s)))
        return due
