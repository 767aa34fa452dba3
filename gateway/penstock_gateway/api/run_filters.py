"""Which runs a list, a count or a stream is about: the parameters of requests, as a filter of the history."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Query
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.state_tracker.v1 import service_pb2 as tracker

from ..edge.problems import Fault, Problem
from . import fields
from .context import NAME_CHARS_MAX, NAME_PATTERN

LABELS_MAX: Final = 16
LABEL_PATTERN: Final = r"^[^:\x00-\x1f\x7f]{1,200}:[^\x00-\x1f\x7f]{0,200}$"
TIME_CHARS_MAX: Final = 40
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

TimeFilter = Annotated[str, Query(max_length=TIME_CHARS_MAX, json_schema_extra={"format": "date-time"})]
NameFilter = Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """All of it must hold; what is empty does not matter. Times are microseconds since 1970."""

    workflow: str = ""
    registered: str = ""
    team: str = ""
    user: str = ""
    states: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    from_us: int = 0
    before_us: int = 0
    ended_from_us: int = 0
    search: str = ""

    @property
    def text(self) -> str:
        """What tells it from other filters."""
        parts = (self.workflow, self.registered, self.team, self.user, self.states, sorted(self.labels.items()))
        return json.dumps([*parts, self.from_us, self.before_us, self.ended_from_us, self.search])

    @property
    def is_simple(self) -> bool:
        """Whether the State Tracker, too, can list these runs."""
        times = self.from_us or self.before_us or self.ended_from_us
        return not (self.registered or self.user or self.labels or times or self.search)

    @property
    def state_names(self) -> list[str]:
        return [f"RUN_STATE_{state.upper()}" for state in self.states]

    def of_history(self) -> history.RunFilter:
        return history.RunFilter(
            workflow=self.workflow,
            team=self.team,
            user=self.user,
            states=self.state_names,
            labels=self.labels,
            from_us=self.from_us,
            before_us=self.before_us,
            ended_from_us=self.ended_from_us,
            search=self.search,
            registered=self.registered,
        )

    def of_tracker(self) -> tracker.ListRunsRequest:
        """The part of it that the State Tracker knows."""
        return tracker.ListRunsRequest(team=self.team, plan_name=self.workflow, states=self.state_names)

    def has(self, run: history.RunRecord) -> bool:
        """Whether a run is one of these, but for its state."""
        at_us, options, search = run.submitted_at_us, run.options, self.search.lower()
        return (
            (not self.workflow or run.workflow == self.workflow)
            and (not self.registered or options.workflow == self.registered)
            and (not self.team or run.team == self.team)
            and (not self.user or run.caller.user == self.user)
            and (not search or search in run.workflow.lower() or search in options.workflow.lower())
            and self.from_us <= at_us
            and (not self.before_us or at_us < self.before_us)
            and (not self.ended_from_us or run.ended_at_us >= self.ended_from_us)
            and all(options.labels.get(name) == value for name, value in self.labels.items())
        )


def _run_filter(
    workflow: Annotated[NameFilter, Query(description="Qualified name of the workflow in its code.")] = "",
    name: Annotated[NameFilter, Query(description="Name in the registry by which they were launched.")] = "",
    team: NameFilter = "",
    user: NameFilter = "",
    state: Annotated[list[fields.RunState] | None, Query(max_length=5)] = None,
    label: Annotated[
        list[Annotated[str, Query(pattern=LABEL_PATTERN)]] | None,
        Query(max_length=LABELS_MAX, description="NAME:VALUE; all of them.", examples=[["ticket:42"]]),
    ] = None,
    submitted_from: Annotated[TimeFilter | None, Query(description="Submitted then or later (RFC 3339).")] = None,
    submitted_before: Annotated[TimeFilter | None, Query(description="Submitted before then (RFC 3339).")] = None,
    ended_from: Annotated[TimeFilter | None, Query(description="Ended then or later (RFC 3339).")] = None,
    q: Annotated[NameFilter, Query(description="Part of the workflow's name or of the name in the registry.")] = "",
) -> RunFilter:
    return RunFilter(
        workflow=workflow,
        registered=name,
        team=team,
        user=user,
        states=tuple(sorted(set(state or ()))),
        labels=dict(each.split(":", 1) for each in label or ()),
        from_us=time_us("submitted_from", submitted_from),
        before_us=time_us("submitted_before", submitted_before),
        ended_from_us=time_us("ended_from", ended_from),
        search=q,
    )


Filter = Annotated[RunFilter, Depends(_run_filter)]


def time_us(name: str, text: str | None) -> int:
    """Return microseconds since 1970; 0 for a time that is not given."""
    if text is None:
        return 0
    try:
        if not TIME.fullmatch(text):
            raise ValueError(text)
        at = datetime.fromisoformat(text.upper())
        us = int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    except (ValueError, OverflowError):
        what = f"invalid time {text!r}: expected RFC 3339, such as 2026-11-26T17:55:16Z"
        raise Problem("invalid", what, [Fault(f"query parameter {name}", what)]) from None
    return max(us, 1)  # 0 would be: not given
