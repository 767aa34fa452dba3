"""One run, from its submission to its end, as the tables describe it."""

from dataclasses import dataclass

from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import as_submitted, numbers

from .nodes import ATTEMPTS_MAX, CANCELLED, FAILED, RUNNING, SKIPPED, SUCCEEDED, WAITING, Growth, Nodes

FAILURE_CHARS_MAX = 300
LEFT_OUT = frozenset({ev.SKIP_REASON_UPSTREAM_FAILED, ev.SKIP_REASON_NOT_TAKEN})


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is kept of a run up to an end after which it was reopened."""

    retries: int
    busy_us: int
    inputs: bytes
    nodes: Nodes


class OpenRun:
    """What the log has said of a run since it was submitted, or reopened."""

    __slots__ = (
        "busy_us",
        "caller",
        "earlier",
        "ended_us",
        "failed_node",
        "failure",
        "first_seq",
        "inputs",
        "labels",
        "last_seq",
        "nodes",
        "options",
        "plan",
        "registered",
        "retries",
        "run_id",
        "shard",
        "state",
        "submitted_seq",
        "submitted_us",
        "team",
        "user",
        "workflow",
    )

    def __init__(self, run_id: bytes, shard: int, seq: int, at_us: int, event: ev.RunSubmitted) -> None:
        self.run_id, self.shard, self.submitted_us = run_id, shard, at_us
        self.first_seq = self.submitted_seq = seq  # from where it is followed, and where it was submitted
        self.earlier: list[Earlier] = []  # the last one first
        self.plan, self.workflow = event.plan, event.plan_name
        self.registered = event.options.workflow
        self.team, self.user = event.options.team or event.caller.team, event.caller.user
        self.caller, self.options = event.caller.SerializeToString(), event.options.SerializeToString()
        self.labels = dict(event.options.labels)
        self.inputs = event.inputs.SerializeToString()
        self.nodes = Nodes(event.nodes)
        reused = event.reused
        self.nodes.growths += [Growth(each.node, 0, each.items) for each in reused.growths]
        self.nodes.reuse(numbers(reused.node_steps))
        self.nodes.keep(numbers(reused.not_taken_steps), SKIPPED)
        self.nodes.keep(numbers(reused.skipped_steps), SKIPPED)
        self.nodes.keep(numbers(reused.failed_steps), FAILED)
        self.state: int = ev.RUN_STATE_RUNNING
        self.ended_us: int | None = None
        self.last_seq = 0
        self.failed_node = -1
        self.failure = ""
        self.retries = 0
        self.busy_us = 0

    @classmethod
    def reopened(cls, run_id: bytes, shard: int, seq: int, event: ev.RunReopened) -> "OpenRun":
        """Return a run that goes on after an end."""
        run = cls(run_id, shard, seq, event.submitted_at_us, as_submitted(event))
        run.submitted_seq = event.first_seq
        return run

    def complete(self) -> None:
        """Add what is kept of the run from before it was reopened."""
        for earlier in self.earlier:
            self.retries += earlier.retries
            self.busy_us += earlier.busy_us
            self.inputs = self.inputs or earlier.inputs
            self.nodes.complete(earlier.nodes)
        self.earlier.clear()

    def take(self, kind: str, event: ev.Event, at_us: int) -> bool:
        """Take another event of the run, but not its last; return whether anything that lists show changed."""
        since_us = max(0, at_us - self.submitted_us)
        match kind:
            case "action_started":
                return self._start(event.action_started, since_us)
            case "action_failed":
                return self._fail(event.action_failed, since_us)
            case "nodes_skipped":
                return self._skip(event.nodes_skipped, since_us)
            case "cancel_requested":
                self.state = ev.RUN_STATE_CANCELLING
                return True
            case _:
                return False  # of a later version

    def end(self, event: ev.RunEnded, seq: int, at_us: int) -> None:
        """Take its last event."""
        self.state, self.ended_us, self.last_seq = event.state, at_us, seq
        if event.failed_node >= 0:
            self.failed_node = event.failed_node

    def _start(self, event: ev.ActionStarted, since_us: int) -> bool:
        nodes, node = self.nodes, event.node
        if not nodes.has(node):
            return False
        nodes.status[node] = RUNNING
        nodes.attempts[node] = min(event.attempt, ATTEMPTS_MAX)
        nodes.ended_us[node] = since_us
        return True

    def succeed(self, event: ev.ActionSucceeded, at_us: int) -> bool:
        """Take the success of a node; return whether there is such a node."""
        nodes, node, duration_us = self.nodes, event.node, event.duration_us
        if not 0 <= node < len(nodes.status) and not nodes.has(node):
            return False
        if duration_us < 0:
            duration_us = 0
        # A result from the cache is of no attempt of this run.
        attempt, since_us = 0 if event.HasField("reuse") else event.attempt, at_us - self.submitted_us
        nodes.status[node] = SUCCEEDED
        nodes.attempts[node] = attempt if attempt < ATTEMPTS_MAX else ATTEMPTS_MAX
        nodes.ended_us[node] = since_us if since_us > 0 else 0
        nodes.duration_us[node] = duration_us
        self.busy_us += duration_us
        if event.added > 0:
            nodes.grow(node, event.added)
        return True

    def _fail(self, event: ev.ActionFailed, since_us: int) -> bool:
        if not self.nodes.has(event.node):
            return False
        final = not event.HasField("retry_delay_s")
        status = (CANCELLED if event.cause == ev.CAUSE_CANCELLED else FAILED) if final else WAITING
        self.nodes.end(event.node, status, event.attempt, since_us, event.duration_us)
        self.busy_us += event.duration_us
        self.retries += not final
        if status == FAILED and self.failed_node < 0:
            self.failed_node = event.node
            self.failure = _text(event.failure)
        return True

    def _skip(self, event: ev.NodesSkipped, since_us: int) -> bool:
        nodes = self.nodes
        status = SKIPPED if event.reason in LEFT_OUT else CANCELLED
        for node in event.nodes:
            if nodes.has(node):
                nodes.status[node] = status
                nodes.ended_us[node] = since_us
        return True


def _text(failure: ev.Failure) -> str:
    text = f"{failure.type}: {failure.message}" if failure.type else failure.message
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:FAILURE_CHARS_MAX]
