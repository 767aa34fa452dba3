"""What nodes wait for, as the State Tracker reads it: without messages, which would keep the whole plan in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock_proto.plan.v1 import plan_pb2

from .children import Child
from .json_schema import Schema

WAIT: Final = int(plan_pb2.NODE_KIND_WAIT)
# The built-in operators that stand for the outputs of waits.
MODULE: Final = "penstock"
# A year; more is a mistake.
WAIT_S_MAX: Final = 366 * 24 * 3600.0
TEAM: Final = "team:"


@dataclass(frozen=True, slots=True)
class Wait:
    """What one node waits for. `until_us` and `seconds` are None where it ends by neither."""

    until_us: int | None
    seconds: float | None  # of a sleep, or the timeout of a signal
    is_signal: bool  # or an approval
    is_approval: bool
    goes_on_denied: bool
    who: tuple[str, ...]
    question: str
    otherwise: bytes | None  # the output at the timeout, serialised; None: it fails
    schema: Schema | None
    every_s: float = 0.0  # of a sensor
    child: Child | None = None  # the run that it starts

    @classmethod
    def of(cls, node: plan_pb2.Node) -> Wait:
        wait = node.wait
        kind = wait.WhichOneof("kind")
        approval = wait.approval
        return cls(
            until_us=wait.until_us if kind == "until_us" else None,
            seconds=wait.sleep_s if kind == "sleep_s" else wait.timeout_s or None,
            is_signal=kind in ("signal", "approval"),
            is_approval=kind == "approval",
            goes_on_denied=approval.goes_on_denied,
            who=tuple(approval.who),
            question=approval.question,
            otherwise=wait.otherwise.SerializeToString() if wait.HasField("otherwise") else None,
            schema=Schema.of(wait.signal.schema_json),
            every_s=wait.sensor.every_s,
            child=Child.of(node) if kind == "child" else None,
        )

    def admits(self, user: str, subject: str, team: str) -> bool:
        """Whether a caller may answer."""
        return not self.who or bool({user, subject, f"{TEAM}{team}"}.difference(("", TEAM)) & set(self.who))
