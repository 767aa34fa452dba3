"""Which signals a run takes, and why it takes no other: pure."""

from typing import Final

from penstock_plan.json_schema import Budget
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from ..errors import BadRequest, NotYours, SignalRefused
from .inputs import JSON_CODEC, value_problems
from .run import Run
from .transitions import WAITING

ANSWERS: Final = (b"true", b"false")
NAMES_SHOWN_MAX: Final = 20


def accepted(run: Run, received: ev.SignalReceived) -> int | None:
    """Return the node that a signal is for; None if it is the same one that was received before.

    Raises:
        BadRequest: No node of that name waits for a signal, or the value does not fit.
        SignalRefused: It was received before, or comes too late.
        NotYours: It answers a question that is put to others.
    """
    name, waits = received.name, run.graph.waits
    node = run.graph.node_of(name)
    if node < 0 or node not in waits or not waits[node].is_signal:
        raise BadRequest(_unknown(run, name))
    before = run.waits.signals.get(node)
    if before is not None:
        if received.id and before.id == received.id:
            return None
        who = before.caller.user or "somebody"
        raise SignalRefused(run.run_id, name, f"was received before, from {who}; one signal ends one wait")
    if run.is_stopping:
        raise SignalRefused(run.run_id, name, "comes too late: the run is being cancelled")
    if run.status[node] != WAITING:
        raise SignalRefused(run.run_id, name, "comes too late: nothing waits for it any longer")
    caller = received.caller
    if not waits[node].admits(caller.user, caller.subject, caller.team):
        raise NotYours(f"{name!r} is to be answered by {' or '.join(waits[node].who)}, not by {caller.user or 'you'}")
    _check_value(run, node, received)
    return node


def _check_value(run: Run, node: int, received: ev.SignalReceived) -> None:
    wait, value, what = run.graph.waits[node], received.value, f"signal {received.name!r}"
    if wait.is_approval and (value.codec != JSON_CODEC or value.inline not in ANSWERS):
        raise BadRequest(f"{what} answers a question: its value must be true or false")
    if problems := value_problems(what, received.name, wait.schema, value, Budget(), 1):
        raise BadRequest(problems[0].text)


def _unknown(run: Run, name: str) -> str:
    names = [run.graph.name_of(node) for node, wait in run.graph.waits.items() if wait.is_signal]
    if not names:
        return f"run waits for no signal: its workflow {run.plan_name} has none; {name[:100]!r} is not taken"
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return f"unknown signal {name[:100]!r}; the run has {', '.join(map(repr, names[:NAMES_SHOWN_MAX]))}{more}"
