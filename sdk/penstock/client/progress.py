"""The progress of a run, event by event, with names instead of indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

from .view import RunState, cause_text, run_state

Kind = Literal[
    "submitted",
    "started",
    "succeeded",
    "failed",
    "retrying",
    "skipped",
    "cancel_requested",
    "ended",
    "unknown",
    "waiting",
    "signal",
    "reopened",
    "paused",
    "ending",
    "resumed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    seq: int
    # Microseconds of Unix time by the database's clock.
    at_us: int
    kind: Kind
    # The node that it is about; of `skipped` there may be several, of `ended` the first that failed.
    nodes: tuple[str, ...] = ()
    attempt: int = 0
    worker: str = ""
    duration_s: float = 0.0
    retry_delay_s: float = 0.0
    # Why it failed, was skipped, or was cancelled.
    cause: str = ""
    message: str = ""
    traceback: str = ""
    # State of the run, when it changes.
    state: RunState | None = None

    @property
    def node(self) -> str:
        return self.nodes[0] if self.nodes else ""


def progress(plan: plan_pb2.Plan, recorded: service_pb2.RecordedEvent) -> Progress:
    """Return what an event says; of a kind that this version does not know, only its place."""
    seq, at_us, event = recorded.seq, recorded.recorded_at_us, recorded.event
    match event.WhichOneof("kind"):
        case "run_submitted":
            return Progress(seq=seq, at_us=at_us, kind="submitted", state=RunState.RUNNING)
        case "action_started":
            started = event.action_started
            name = (plan.nodes[started.node].name,)
            return Progress(
                seq=seq, at_us=at_us, kind="started", nodes=name, attempt=started.attempt, worker=started.worker
            )
        case "action_succeeded":
            done = event.action_succeeded
            return Progress(
                seq=seq,
                at_us=at_us,
                kind="succeeded",
                nodes=(plan.nodes[done.node].name,),
                attempt=done.attempt,
                worker=done.worker,
                duration_s=done.duration_us / 1e6,
            )
        case "action_failed":
            return _failed(plan, recorded, event.action_failed)
        case "nodes_skipped":
            skipped = event.nodes_skipped
            reason = events_pb2.SkipReason.Name(skipped.reason).removeprefix("SKIP_REASON_").lower().replace("_", " ")
            names = tuple(plan.nodes[index].name for index in skipped.nodes)
            return Progress(seq=seq, at_us=at_us, kind="skipped", nodes=names, cause=reason)
        case "cancel_requested":
            cancel = event.cancel_requested
            text = "fail-fast" if cancel.fail_fast else cancel.reason
            return Progress(seq=seq, at_us=at_us, kind="cancel_requested", message=text, state=RunState.CANCELLING)
        case "wait_began":
            began = event.wait_began
            name = (plan.nodes[began.node].name,)
            until_s = (began.due_at_us - at_us) / 1e6 if began.due_at_us else 0.0
            return Progress(seq=seq, at_us=at_us, kind="waiting", nodes=name, duration_s=max(0.0, until_s))
        case "signal_received":
            signal = event.signal_received
            return Progress(
                seq=seq,
                at_us=at_us,
                kind="signal",
                nodes=(signal.name,),
                cause=signal.caller.user,
                message=signal.comment,
            )
        case "run_reopened":
            return Progress(seq=seq, at_us=at_us, kind="reopened", state=RunState.RUNNING)
        case "run_paused":
            return Progress(seq=seq, at_us=at_us, kind="paused", message=event.run_paused.reason)
        case "run_resumed" | "finally_began":
            return Progress(seq=seq, at_us=at_us, kind="resumed" if event.HasField("run_resumed") else "ending")
        case "run_ended":
            ended = event.run_ended
            names = (plan.nodes[ended.failed_node].name,) if ended.failed_node >= 0 else ()
            return Progress(seq=seq, at_us=at_us, kind="ended", nodes=names, state=run_state(ended.state))
        case _:
            return Progress(seq=seq, at_us=at_us, kind="unknown")


def _failed(plan: plan_pb2.Plan, recorded: service_pb2.RecordedEvent, failed: events_pb2.ActionFailed) -> Progress:
    again = failed.HasField("retry_delay_s")
    return Progress(
        seq=recorded.seq,
        at_us=recorded.recorded_at_us,
        kind="retrying" if again else "failed",
        nodes=(plan.nodes[failed.node].name,),
        attempt=failed.attempt,
        worker=failed.worker,
        duration_s=failed.duration_us / 1e6,
        retry_delay_s=failed.retry_delay_s,
        cause=cause_text(failed.cause),
        message=f"{failed.failure.type}: {failed.failure.message}" if failed.failure.type else failed.failure.message,
        traceback=failed.failure.traceback,
    )
