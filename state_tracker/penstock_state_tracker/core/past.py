"""A run that has ended, as its events in the log have it, and how it goes on: from which attempt each node is tried."""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from penstock_plan.graph import PlanGraph
from penstock_plan.growth import GrownGraph
from penstock_plan.left_out import left_out
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.successes import packed, steps

from .run import CONTINUE, ENDED_BADLY, Run
from .shard import Shard
from .transitions import CANCELLED, FAILED, NOT_TAKEN, SKIPPED, SUCCEEDED

# Nodes that may have been given to a worker, although the log does not say so: whatever comes of that is stale.
MAYBE_GRANTED: Final = frozenset({ev.SKIP_REASON_RUN_CANCELLED, ev.SKIP_REASON_FAIL_FAST})


class Past:
    """The events of one run, from its submission to its end."""

    def __init__(self, run_id: bytes, plans: Mapping[bytes, PlanGraph]) -> None:
        self._run_id = run_id
        self._replayed = Shard(0, plans)
        self._run: Run | None = None
        self._next: dict[int, int] = {}  # of each node that was tried: its next attempt

    def apply(self, seq: int, event: ev.Event) -> None:
        """Take the run's next event; raise CorruptLog if it cannot follow."""
        core = self._replayed
        core.seq = seq - 1  # what lies between is about others
        core.apply(event, 0.0)
        match event.WhichOneof("kind"):
            case "run_submitted" | "run_reopened":
                self._run = core.runs[self._run_id]
            case "action_started":
                self._next[event.action_started.node] = event.action_started.attempt + 1
            case "wait_began":
                self._next[event.wait_began.node] = self._next.get(event.wait_began.node, 1) + 1
            case "action_failed":
                self._next[event.action_failed.node] = event.action_failed.attempt + 1
            case "action_succeeded" if self._run is not None and event.action_succeeded.node in self._run.graph.finals:
                self._next[event.action_succeeded.node] = event.action_succeeded.attempt + 1
            case "nodes_skipped" if event.nodes_skipped.reason in MAYBE_GRANTED:
                self._note_cancelled(event.nodes_skipped.nodes)
            case _:
                pass

    def _note_cancelled(self, nodes: Iterable[int]) -> None:
        assert self._run is not None
        for node in nodes:
            is_cancelled = self._run.status[node] == CANCELLED and node not in self._run.graph.waits
            if is_cancelled and self._run.is_unlocked(node):
                self._next[node] = self._next.get(node, 1) + 1

    def reopened(self, caller: ev.Caller, submitted_at_us: int) -> ev.RunReopened | None:
        """Return the event by which the run goes on; None if the log has nothing of it."""
        run = self._run
        if run is None:
            return None
        stays = _left_out(run)
        tried = sorted(node for node in self._next if node not in stays and not _has_succeeded(run, node))
        return ev.RunReopened(
            caller=caller,
            plan=run.graph.hash,
            plan_name=run.plan_name,
            submitted_by=ev.Caller.FromString(run.caller),
            options=ev.RunOptions.FromString(run.options),
            nodes=run.graph.plan.size if isinstance(run.graph, GrownGraph) else run.graph.size,
            first_seq=run.first_seq,
            submitted_at_us=submitted_at_us,
            succeeded=_known(run, stays),
            tried_steps=steps(tried),
            next_attempts=[self._next[node] for node in tried],
        )


def _known(run: Run, stays: Container[int]) -> ev.Successes:
    """Return what stays of a run that goes on: all else waits again."""
    status = run.status
    known = packed((node, run.outputs[node]) for node in range(len(status)) if _has_succeeded(run, node))
    if isinstance(run.graph, GrownGraph):
        known.growths.extend(ev.Growth(node=each.node, items=each.items) for each in run.graph.growths)
        finals = run.graph.finals
        known.not_taken_steps.extend(
            steps(node for node, each in enumerate(status) if each == NOT_TAKEN and node not in finals)
        )
        known.failed_steps.extend(steps(node for node, each in enumerate(status) if each == FAILED and node in stays))
        known.skipped_steps.extend(
            steps(node for node, each in enumerate(status) if each in (SKIPPED, CANCELLED) and node in stays)
        )
    return known


def _has_succeeded(run: Run, node: int) -> bool:
    """Whether a node's success stays; what a run executes at its end, it executes at each."""
    return run.status[node] == SUCCEEDED and node not in run.graph.finals


def _left_out(run: Run) -> set[int]:
    status, on_failure = run.status, run.graph.on_failure
    return left_out(
        run.graph,
        range(len(status)),
        lambda node: status[node] == SUCCEEDED,
        lambda node: status[node] in ENDED_BADLY and (status[node] != FAILED or on_failure[node] == CONTINUE),
    )
