"""What the faults cost, as the database's own times tell it."""

import bisect
import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import asyncpg

from .load import Journal


@dataclass
class Struck:
    """One fault: when it began, was over, and when all runs that had been open at its end had ended; Unix time."""

    fault: str
    began_at: float
    over_at: float = 0.0
    recovered_at: float = 0.0


class FaultFigures(TypedDict):
    """Of all times that a fault struck; seconds.

    Attributes:
        lasted_s: Mean of how long it lasted.
        standstill_s_max: Longest time, from its beginning on, in which nothing at all was recorded.
        recovery_s_p50, recovery_s_max: From its beginning until all runs that were open at its end had ended.
        ended_meanwhile: Runs that ended while it lasted.
    """

    fault: str
    times: int
    lasted_s: float
    standstill_s_max: float
    recovery_s_p50: float
    recovery_s_max: float
    ended_meanwhile: int


@dataclass(frozen=True)
class Recorded:
    """When events were recorded and when runs ended, ascending; Unix time by the database's clock."""

    events: Sequence[float]
    ends: Sequence[float]


async def recorded(database_url: str) -> Recorded:
    connection = await asyncpg.connect(database_url)
    try:
        events = await connection.fetch("SELECT extract(epoch FROM recorded_at)::float8 FROM events ORDER BY 1")
        ends = await connection.fetch(
            "SELECT extract(epoch FROM ended_at)::float8 FROM runs WHERE ended_at IS NOT NULL ORDER BY 1"
        )
    finally:
        await connection.close()
    return Recorded([row[0] for row in events], [row[0] for row in ends])


def by_fault(struck: Iterable[Struck], found: Recorded) -> list[FaultFigures]:
    """Return one line for each fault."""
    groups: dict[str, list[Struck]] = {}
    for one in struck:
        groups.setdefault(one.fault, []).append(one)
    return [_of_fault(fault, group, found) for fault, group in groups.items()]


def _of_fault(fault: str, group: Sequence[Struck], found: Recorded) -> FaultFigures:
    recovery = [one.recovered_at - one.began_at for one in group]
    return FaultFigures(
        fault=fault,
        times=len(group),
        lasted_s=round(statistics.mean(one.over_at - one.began_at for one in group), 2),
        standstill_s_max=round(max(_standstill(one, found.events) for one in group), 2),
        recovery_s_p50=round(statistics.median(recovery), 2),
        recovery_s_max=round(max(recovery), 2),
        ended_meanwhile=sum(_between(found.ends, one.began_at, one.over_at) for one in group),
    )


def _standstill(one: Struck, events: Sequence[float]) -> float:
    first, last = bisect.bisect_left(events, one.began_at), bisect.bisect_right(events, one.recovered_at)
    marks = [one.began_at, *events[first:last], one.recovered_at]
    return max(after - before for before, after in itertools.pairwise(marks))


def _between(times: Sequence[float], since: float, until: float) -> int:
    return bisect.bisect_right(times, until) - bisect.bisect_left(times, since)


def of_runs(journal: Journal, first_fault_at: float) -> dict[str, float]:
    """Return how long clients waited for an acknowledgement and for the end, before the first fault and in all."""
    figures: dict[str, float] = {}
    for label, until in (("calm", first_fault_at), ("all", float("inf"))):
        chosen = [(submit_s, run_s) for at, submit_s, run_s in journal.runs if at + run_s <= until]
        for name, values in (("submit", [one for one, _ in chosen]), ("run", [one for _, one in chosen])):
            for percent in (50, 99) if values else ():
                figures[f"{name}_s_p{percent}_{label}"] = _percentile(values, percent)
    return figures


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 3)


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table with a column for each key."""
    heads = list(lines[0])
    rows = [heads, ["---"] * len(heads), *([str(line[head]) for head in heads] for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
