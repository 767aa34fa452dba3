"""Runs of their own that a workflow starts: `workflow.start(...)` in another workflow's body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

from penstock_plan.waits import WAIT_S_MAX
from penstock_proto.plan.v1 import plan_pb2

from ..errors import InvalidDeclaration
from .modules import frame_at
from .options import OnFailure, Options, check_name
from .recorder import current

P = ParamSpec("P")
R = TypeVar("R")

PRIORITY_MAX: Final = 2**31 - 1


class Startable(Generic[P, R]):
    """A workflow with the options of the child runs that it is started as; see `Workflow.options`."""

    def __init__(self, workflow: Any, fn: Callable[P, R], options: plan_pb2.Child, on_failure: OnFailure) -> None:
        self._workflow, self._fn, self._options = workflow, fn, options
        self._policy = Options(on_failure=on_failure).failure_policy()

    def start(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Start the workflow as a run of its own, with these options; see `Workflow.start`."""
        trace = current.get()
        if trace is None:
            return self._fn(*args, **kwargs)
        return cast("R", trace.start(self._workflow, args, kwargs, self._options, self._policy, frame_at(1)))


def child_options(
    pool: str | None, priority: int | None, labels: Mapping[str, str] | None, deadline_s: float | None
) -> plan_pb2.Child:
    """Return the options of a child run; raise InvalidDeclaration."""
    Options(labels=labels)  # checks them
    if pool is not None:
        check_name(pool, "pool")
    whole = isinstance(priority, int) and not isinstance(priority, bool)
    if priority is not None and not (whole and abs(priority) <= PRIORITY_MAX):
        raise InvalidDeclaration(f"priority must be a whole number, not {priority!r:.100}")
    number = isinstance(deadline_s, int | float) and not isinstance(deadline_s, bool)
    if deadline_s is not None and not (number and 0 < deadline_s <= WAIT_S_MAX):
        raise InvalidDeclaration(f"deadline_s must be seconds, up to {WAIT_S_MAX:g}, not {deadline_s!r:.100}")
    return plan_pb2.Child(pool=pool or "", priority=priority, labels=labels, deadline_s=deadline_s or 0.0)
