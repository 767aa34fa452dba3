"""What runs wait for that no worker does: times, signals and people; and how signals are sent."""

from __future__ import annotations

import shlex
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

from ..codecs import Store, encode, to_value
from ..errors import PenstockError
from .connection import Connection
from .errors import Refused, not_found
from .uploads import Outgoing, send_artifacts
from .view import NodeState, RunView

KINDS = {"sleep_s": "sleep", "until_us": "until", "signal": "signal", "approval": "approval", "child": "child run"}
# Of an id on the command line: they tell runs apart.
ID_DIGITS = 12


class NothingToAnswer(PenstockError):
    """No question of the run waits for an answer, or several do and none was named."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A node that waits.

    Attributes:
        kind: "sleep", "until", "signal", "approval" or "child run".
        since_us: When it began, in microseconds of Unix time by the database's clock.
        until_us: When it ends by itself; 0: never.
        question: Of an approval.
        who: Who may answer it; empty: whoever may start runs of the team.
        schema_json: JSON Schema of a signal's value; empty: anything.
    """

    node: str
    kind: str
    since_us: int
    until_us: int = 0
    question: str = ""
    who: tuple[str, ...] = ()
    schema_json: str = ""

    def reason(self, run_id: uuid.UUID) -> str:
        """Say what it waits for and, of what comes from outside, how to send it."""
        by = datetime.fromtimestamp(self.until_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if self.until_us else ""
        if self.kind in ("sleep", "until"):
            return f"waits until {by}"
        if self.kind == "child run":
            return f"waits for its child run: penstock runs --parent {str(run_id)[-ID_DIGITS:]}"
        run, name = str(run_id)[-ID_DIGITS:], shlex.quote(self.node)
        limit = f", until {by}" if by else ""
        if self.kind == "signal":
            return f"waits for signal {self.node!r}{limit}: penstock signal {run} {name} --value JSON"
        who = f" by {' or '.join(self.who)}" if self.who else ""
        return f"waits for an answer{who}{limit}: {self.question} (penstock approve {run} {name} [--deny])"


def waits_of(view: RunView) -> list[Waiting]:
    """Return the nodes of a run that wait now, in the order of the plan."""
    found: list[Waiting] = []
    for node, planned in zip(view.nodes, view.plan.nodes, strict=True):
        if node.state is NodeState.WAITING and node.wait_began_at_us and not view.state.ended:
            wait = planned.wait
            kind = KINDS.get(wait.WhichOneof("kind") or "", "")
            asked, schema = wait.approval, wait.signal.schema_json
            times = (node.wait_began_at_us, node.due_at_us)
            found.append(Waiting(node.name, kind, *times, asked.question, tuple(asked.who), schema))
    return found


def has_waits(plan: plan_pb2.Plan) -> bool:
    return any(node.kind == plan_pb2.NODE_KIND_WAIT for node in plan.nodes)


async def send_signal(
    connection: Connection, caller: events_pb2.Caller, run_id: uuid.UUID, name: str, value: Any, comment: str
) -> None:
    """Send a signal; its value is encoded as its own type says."""
    artifacts, kind = Outgoing(), cast("Any", type(value))
    request = service_pb2.SignalRequest(
        run_id=run_id.bytes,
        name=name,
        value=to_value(encode(value, kind), cast("Store", artifacts)),
        caller=caller,
        comment=comment,
        id=uuid.uuid4().bytes,
    )
    await send_artifacts(connection, artifacts.artifacts)
    try:
        await connection.call("state_tracker", "Signal", request)
    except Refused as error:
        raise not_found(error, str(run_id)) from None


def approval_of(view: RunView) -> str:
    """Return the name of the only question that waits for an answer; raise NothingToAnswer."""
    waiting = [wait.node for wait in waits_of(view) if wait.kind == "approval"]
    if len(waiting) == 1:
        return waiting[0]
    if waiting:
        raise NothingToAnswer(f"run {view.id} waits for several answers: name one of {', '.join(waiting)}")
    asked = [node.name for node in view.plan.nodes if node.wait.HasField("approval")]
    if not asked:
        raise NothingToAnswer(f"run {view.id} asks nothing: its workflow has no approval")
    state = "has ended" if view.state.ended else "does not wait for one now"
    raise NothingToAnswer(f"run {view.id} {state}: name the answer that is meant, of {', '.join(asked)}")
