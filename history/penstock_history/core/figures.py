"""Figures by day, workflow, team and operator: what statistics are added up from."""

import datetime
from collections.abc import Mapping
from typing import Final, NamedTuple

from .buckets import bucket_of
from .nodes import CANCELLED, ENDED, FAILED, SKIPPED, SUCCEEDED, Nodes

EPOCH: Final = datetime.date(1970, 1, 1)
DAY_US: Final = 86_400_000_000


def month_of(day: int) -> int:
    """Return the month of a day, both counted from 1970-01 in UTC."""
    at = EPOCH + datetime.timedelta(days=day)
    return (at.year - EPOCH.year) * 12 + at.month - 1


def first_day_of(month: int) -> int:
    """Return the first day of a month."""
    return (datetime.date(EPOCH.year + month // 12, month % 12 + 1, 1) - EPOCH).days


class Key(NamedTuple):
    """What is counted together; `operator` is empty for runs as a whole."""

    day: int  # since 1970-01-01, UTC
    workflow: str
    team: str
    operator: str


class Figures:
    """Sums of one key."""

    __slots__ = ("buckets", "busy_us", "cancelled", "failed", "retries", "skipped", "succeeded")

    def __init__(self) -> None:
        self.succeeded = self.failed = self.cancelled = self.skipped = self.retries = self.busy_us = 0
        self.buckets: dict[int, int] = {}  # durations of those that succeeded

    def count(self, status: int, retries: int, duration_us: int) -> None:
        """Add one node or run."""
        self.retries += retries
        self.busy_us += duration_us
        if status == SUCCEEDED:
            self.succeeded += 1
            bucket = bucket_of(duration_us)
            self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        elif status == FAILED:
            self.failed += 1
        elif status == CANCELLED:
            self.cancelled += 1
        elif status == SKIPPED:
            self.skipped += 1

    def add(self, other: "Figures") -> None:
        """Add what another one counted."""
        self.succeeded += other.succeeded
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.skipped += other.skipped
        self.retries += other.retries
        self.busy_us += other.busy_us
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count


class Sums(dict[Key, Figures]):
    """Figures of several keys."""

    def of(self, key: Key) -> Figures:
        figures = self.get(key)
        if figures is None:
            figures = self[key] = Figures()
        return figures

    def merge(self, others: Mapping[Key, Figures]) -> None:
        """Add what others counted."""
        for key, figures in others.items():
            self.of(key).add(figures)


def of_nodes(nodes: Nodes, operators: list[str], day: int, workflow: str, team: str) -> Sums:
    """Count the nodes of a run that ended."""
    sums = Sums()
    by_operator: dict[str, Figures] = {}
    columns = zip(operators, nodes.status, nodes.attempts, nodes.duration_us, strict=True)
    for operator, status, attempts, duration_us in columns:
        if status in ENDED and not attempts:
            continue  # it was not this run that computed it, or not since it was reopened
        figures = by_operator.get(operator)
        if figures is None:
            figures = by_operator[operator] = sums.of(Key(day, workflow, team, operator))
        figures.count(status, attempts - 1 if attempts else 0, duration_us)
    sums.pop(Key(day, workflow, team, ""), None)  # nodes that call no operator
    return sums
