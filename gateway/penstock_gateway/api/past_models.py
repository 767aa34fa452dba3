"""The bodies of answers about what the history has added up."""

from typing import Any

from pydantic import Field

from .fields import Body
from .models import Counts, ListedRun


class OperatorFigures(Body):
    """The nodes of one operator in a run."""

    operator: str
    nodes: int
    counts: Counts
    retries: int
    busy_s: float
    waited_s: float = Field(description="From when a node was ready until it ran: the sum.")
    p50_s: float
    p95_s: float
    max_s: float
    first_s: float | None = Field(description="Begin of the first of its nodes, since the submission.")
    last_s: float | None = Field(description="End of the last of its nodes, since the submission.")


class RunFigures(Body):
    """A run in sum; operators and critical path of a run that has ended."""

    run: ListedRun
    inputs: dict[str, Any]
    operators: list[OperatorFigures]
    critical_path: list[str] = Field(description="The nodes that the end of the run waited for, first to last.")


class ComparedInput(Body):
    name: str
    values: list[Any]
    differs: bool


class ComparedOperator(Body):
    operator: str
    runs: list[OperatorFigures | None]


class Comparison(Body):
    """Runs side by side, each list in the order of the request."""

    runs: list[ListedRun]
    same_plan: bool
    inputs: list[ComparedInput]
    operators: list[ComparedOperator]


class Statistic(Body):
    """Runs that ended, or with an operator, nodes. Keys that rows are not kept apart by are null."""

    workflow: str | None
    team: str | None
    operator: str | None
    day: str | None
    succeeded: int
    failed: int
    cancelled: int
    skipped: int
    retries: int
    busy_s: float
    p50_s: float
    p95_s: float


class Statistics(Body):
    rows: list[Statistic]
    more: bool
    lag: int | None
