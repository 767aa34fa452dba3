"""The state machines of a node and of a run, as data: which event leads from which states to which.

The core refuses what no row allows (CorruptLog). docs/state_machine.md is drawn from these tables, and tests check that
each row is taken and that nothing else is.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import service_pb2 as api

# Of a node. Not the enum's members: they are compared with bytes of an array, for every event.
WAITING: Final = int(api.NODE_STATUS_WAITING)
RUNNING: Final = int(api.NODE_STATUS_RUNNING)
SUCCEEDED: Final = int(api.NODE_STATUS_SUCCEEDED)
FAILED: Final = int(api.NODE_STATUS_FAILED)
SKIPPED: Final = int(api.NODE_STATUS_SKIPPED)
CANCELLED: Final = int(api.NODE_STATUS_CANCELLED)
NOT_TAKEN: Final = int(api.NODE_STATUS_NOT_TAKEN)
TEMPLATE: Final = int(api.NODE_STATUS_TEMPLATE)  # of no execution: no event changes it


class Transition(NamedTuple):
    """One row: the event may follow in each of the source states, and leads to the target.

    `when` tells apart the rows of one event.
    """

    event: str
    sources: frozenset[int]
    target: int
    when: str


_OPEN: Final = frozenset({WAITING, RUNNING})
_WAITING: Final = frozenset({WAITING})

_UNSUCCESSFUL: Final = frozenset({FAILED, SKIPPED, CANCELLED})

NODE_BEGINS: Final = WAITING
NODE_TRANSITIONS: Final = (
    Transition("action_started", _WAITING, RUNNING, "the attempt runs for longer than a moment, and the run goes on"),
    Transition("action_succeeded", _OPEN, SUCCEEDED, "a short attempt is never reported as started"),
    Transition("action_failed", _OPEN, WAITING, "`retry_delay_s` is set: the next attempt is due after the delay"),
    Transition("action_failed", _OPEN, FAILED, "no `retry_delay_s`: no retry is left, or none would help"),
    Transition("action_failed", _OPEN, CANCELLED, "no `retry_delay_s`, and the cause is `cancelled`"),
    Transition("nodes_skipped", _WAITING, SKIPPED, "the reason is `upstream_failed`"),
    Transition(
        "nodes_skipped",
        _WAITING,
        CANCELLED,
        "the reason is `upstream_cancelled`, `run_cancelled` or `fail_fast`",
    ),
    Transition("run_reopened", _UNSUCCESSFUL, WAITING, "the run had ended; attempts go on counting"),
    Transition("nodes_skipped", _WAITING, NOT_TAKEN, "the reason is `not_taken`"),
    Transition(
        "run_reopened",
        frozenset({SUCCEEDED, NOT_TAKEN}),
        WAITING,
        "it belongs to the end of the run, which is executed at each end",
    ),
)

_RUN_RUNS: Final = frozenset({int(ev.RUN_STATE_RUNNING)})
_RUN_HAS_FAILED: Final = frozenset({int(ev.RUN_STATE_FAILED), int(ev.RUN_STATE_CANCELLED)})
_RUN_CANCELS: Final = frozenset({int(ev.RUN_STATE_CANCELLING)})

RUN_BEGINS: Final = int(ev.RUN_STATE_RUNNING)
RUN_TRANSITIONS: Final = (
    Transition("cancel_requested", _RUN_RUNS, int(ev.RUN_STATE_CANCELLING), "a caller asked for it"),
    Transition(
        "cancel_requested", _RUN_RUNS, int(ev.RUN_STATE_RUNNING), "`fail_fast`: the run's first failure asked for it"
    ),
    Transition(
        "cancel_requested",
        _RUN_CANCELS,
        int(ev.RUN_STATE_CANCELLING),
        "what it executes at its end is stopped, too",
    ),
    Transition(
        "run_ended",
        _RUN_RUNS,
        int(ev.RUN_STATE_SUCCEEDED),
        "all outputs of the run exist, and each failure is one that its node's policy `continue` forgives",
    ),
    Transition(
        "run_ended",
        _RUN_RUNS,
        int(ev.RUN_STATE_FAILED),
        "a node failed whose policy is not `continue`, or an output of the run is missing",
    ),
    Transition("run_ended", _RUN_CANCELS, int(ev.RUN_STATE_CANCELLED), "whatever became of its nodes"),
    Transition("run_reopened", _RUN_HAS_FAILED, int(ev.RUN_STATE_RUNNING), "a caller asked for it"),
)


def sources(table: Iterable[Transition], event: str) -> frozenset[int]:
    """Return the states in which an event may follow."""
    return frozenset[int]().union(*(row.sources for row in table if row.event == event))


def targets(table: Iterable[Transition], event: str) -> Mapping[int, frozenset[int]]:
    """Return, for each state in which an event may follow, the states that it may lead to."""
    rows = [row for row in table if row.event == event]
    return MappingProxyType(
        {state: frozenset(row.target for row in rows if state in row.sources) for state in sources(rows, event)}
    )
