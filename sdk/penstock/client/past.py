"""What the history says of runs, as values."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from penstock_proto.history.v1 import service_pb2
from penstock_proto.value.v1.value_pb2 import Value

from .expressions import plain_json
from .view import RunState, run_state


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run in a list. Times are microseconds since 1970 by the database's clock.

    Attributes:
        counts: Nodes by status, those that are not zero.
        failed_node, failure: Of the first node that failed for good; empty where none did.
        retries: Attempts beyond the first of each node.
        busy_us: Time in operators, all together.
    """

    id: uuid.UUID
    workflow: str
    team: str
    user: str
    state: RunState
    submitted_at_us: int
    ended_at_us: int
    plan_hash: bytes
    labels: dict[str, str]
    nodes: int
    counts: dict[str, int]
    failed_node: str
    failure: str
    retries: int
    busy_us: int
    # In the registry, if it was launched by its name there; otherwise empty and 0.
    name: str = ""
    version: int = 0

    @property
    def duration_s(self) -> float | None:
        """Seconds from submission to end; None while it is open."""
        return (self.ended_at_us - self.submitted_at_us) / 1e6 if self.ended_at_us else None


@dataclass(frozen=True, slots=True)
class OperatorFigures:
    """The nodes of one operator in a run; times in seconds.

    Attributes:
        waited_s: Sum over nodes of the time from ready to running.
        p50_s, p95_s, max_s: Of the nodes that succeeded.
    """

    operator: str
    nodes: int
    counts: dict[str, int]
    retries: int
    busy_s: float
    waited_s: float
    p50_s: float
    p95_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Past:
    """A run in sum.

    Attributes:
        inputs: JSON values by name; of a value that is not JSON, or large, what it is.
        critical_path: Indexes of the nodes that the end of the run waited for, first to last.
    """

    run: PastRun
    operators: list[OperatorFigures]
    inputs: dict[str, Any]
    critical_path: list[int]


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of a comparison: a name, and what it is in each run; None where a run does not have it."""

    name: str
    values: list[Any]
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side, each line in their order."""

    runs: list[PastRun]
    same_plan: bool
    inputs: list[Compared]
    operators: list[Compared]


@dataclass(frozen=True, slots=True)
class Statistic:
    """Figures of runs, or of nodes where rows are kept apart by operator; times in seconds.

    Attributes:
        day: Days since 1970-01-01, UTC; 0 where rows are not kept apart by day.
        p50_s, p95_s: Durations of those that succeeded, right to 13 percent.
    """

    workflow: str
    team: str
    operator: str
    day: int
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    retries: int
    busy_s: float
    p50_s: float
    p95_s: float


def run_of(record: service_pb2.RunRecord) -> PastRun:
    return PastRun(
        id=uuid.UUID(bytes=record.run_id),
        workflow=record.workflow,
        team=record.team,
        user=record.caller.user,
        state=run_state(record.state),
        submitted_at_us=record.submitted_at_us,
        ended_at_us=record.ended_at_us,
        plan_hash=record.plan,
        labels=dict(record.options.labels),
        nodes=record.counts.nodes,
        counts=_counts(record.counts),
        failed_node=record.failed_node,
        failure=record.failure,
        retries=record.retries,
        busy_us=record.busy_us,
        name=record.options.workflow,
        version=record.options.workflow_version,
    )


def past_of(answer: service_pb2.GetRunResponse) -> Past:
    return Past(
        run_of(answer.run),
        [_figures(each) for each in answer.operators],
        {each.name: shown(each.value) for each in answer.inputs},
        list(answer.critical_path),
    )


def comparison_of(answer: service_pb2.CompareResponse) -> Comparison:
    inputs = [Compared(row.name, [_given(value) for value in row.values], row.differs) for row in answer.inputs]
    operators: list[Compared] = []
    for row in answer.operators:
        figures = [_figures(each) if each.counts.nodes else None for each in row.summaries]
        differs = len({each.nodes if each else 0 for each in figures}) > 1
        operators.append(Compared(row.operator, list(figures), differs))
    return Comparison([run_of(run) for run in answer.runs], answer.same_plan, inputs, operators)


def statistic_of(row: service_pb2.StatisticsRow) -> Statistic:
    return Statistic(
        workflow=row.workflow,
        team=row.team,
        operator=row.operator,
        day=row.day,
        succeeded=row.succeeded,
        failed=row.failed,
        cancelled=row.cancelled,
        skipped=row.skipped,
        retries=row.retries,
        busy_s=row.busy_us / 1e6,
        p50_s=row.p50_us / 1e6,
        p95_s=row.p95_us / 1e6,
    )


def shown(value: Value) -> Any:
    """Return a JSON value itself, and of any other one what it is."""
    if value.codec == "json" and value.HasField("inline"):
        return plain_json(value.inline)
    return f"<{value.type_name or value.codec}, {value.size_bytes:,} bytes>"


def _given(value: Value) -> Any:
    return shown(value) if value.WhichOneof("body") else None


def _figures(summary: service_pb2.OperatorSummary) -> OperatorFigures:
    return OperatorFigures(
        operator=summary.operator,
        nodes=summary.counts.nodes,
        counts=_counts(summary.counts),
        retries=summary.retries,
        busy_s=summary.busy_us / 1e6,
        waited_s=summary.waited_us / 1e6,
        p50_s=summary.p50_us / 1e6,
        p95_s=summary.p95_us / 1e6,
        max_s=summary.max_us / 1e6,
    )


def _counts(counts: service_pb2.Counts) -> dict[str, int]:
    every = {
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "cancelled": counts.cancelled,
    }
    return {status: count for status, count in every.items() if count}
