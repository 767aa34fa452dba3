"""What must hold of every log, whatever went wrong while it was written. Plain data in, so that any test can ask.

The logs may come from a simulation or from a database; what the world outside saw (answers, executions) is
optional. Each check raises Violation.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from penstock_plan.graph import MAP, TOLERATES_FAILED, TOLERATES_NOT_TAKEN, PlanGraph
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.wire import shard_of
from penstock_state_tracker.core.shard import Shard

from tests.transitions import Ended, applied

from . import children, ends, growth, repairs, waits
from .violations import Violation, demand
from .waits import WaitsOfLog

__all__ = ["Violation", "demand"]

# Causes that use up no retry.
FREE_CAUSES = (ev.CAUSE_LOST, ev.CAUSE_PREEMPTED, ev.CAUSE_CANCELLED)
# Losses in a row that a node survives; those before an attempt that ran for long do not count.
LOSSES_MAX = 10
FINAL_CAUSES = (ev.CAUSE_BAD_RESULT, ev.CAUSE_NOT_LOADABLE)
# What is on its way when a run is cancelled arrives within so many seconds.
STARTS_WITHIN_S = 0.5
STOPS_WITHIN_S = 10.0
OPEN = ("waiting", "running")
END_STATES = (ev.RUN_STATE_SUCCEEDED, ev.RUN_STATE_FAILED, ev.RUN_STATE_CANCELLED)
# A grant's number says under which owner of its pool it was given.
EPOCH_FACTOR = 2**40
CONTINUE = plan_pb2.FAILURE_POLICY_CONTINUE


class Recorded(NamedTuple):
    """One event with its place in the log."""

    shard: int
    seq: int
    epoch: int
    event: ev.Event
    at_s: float = 0.0  # when it was decided


class Execution(NamedTuple):
    """An operator was called: under which grant, with which inputs; `inputs` holds (node, values)."""

    grant: int
    worker: str
    run_id: bytes
    node: int
    attempt: int
    inputs: Sequence[tuple[int, Any]]
    at_s: float = 0.0

    def __str__(self) -> str:
        where = f"run {self.run_id.hex()} node {self.node}.{self.attempt}"
        return f"{where} under grant {self.grant:x} on {self.worker} at {self.at_s}"


@dataclass(slots=True)
class Node:
    """What the log has said of a node so far."""

    status: str = "waiting"
    attempt: int = 1
    retries: int = 0
    losses: int = 0
    output_seq: int = 0
    origin: bytes = b""  # the run that recorded its outputs, if it is another one
    ends_at_s: list[float] = field(default_factory=list[float])
    tried: int = 0  # attempts that the log names
    may_start_at_s: dict[int, float] = field(default_factory=dict[int, float])  # by attempt


@dataclass(slots=True)
class RunOfLog:
    """What the log has said of a run so far, by the plainest means."""

    graph: PlanGraph
    submitted: ev.RunSubmitted
    first_seq: int
    nodes: list[Node] = field(default_factory=list[Node])
    grown: growth.Nodes = field(init=False)
    stopping: bool = False
    cancelled: bool = False
    ended: bool = False
    state: int = ev.RUN_STATE_RUNNING
    stopped_at_s: float = 0.0
    ended_at_s: float = 0.0
    waits: WaitsOfLog = field(default_factory=WaitsOfLog)
    repaired: repairs.RepairsOfLog = field(default_factory=repairs.RepairsOfLog)
    child_runs: children.ChildrenOfLog = field(default_factory=children.ChildrenOfLog)
    ends_began_at_s: list[float] = field(default_factory=list[float])
    ending: int = 0  # how it ends, once the nodes of its end may start

    def __post_init__(self) -> None:
        self.grown = growth.Nodes(self.graph)
        self.add_nodes(self.graph.size)

    def add_nodes(self, count: int) -> None:
        for index in range(len(self.nodes), len(self.nodes) + count):
            self.nodes.append(Node("template" if self.grown.is_template(index) else "waiting"))

    def open_nodes(self) -> list[int]:
        return [index for index, node in enumerate(self.nodes) if node.status in OPEN]

    def expected_state(self) -> int:
        """How it ends, by what has become of its nodes."""
        if self.ending or self.cancelled:
            return self.ending or ev.RUN_STATE_CANCELLED
        there = ("succeeded", "not taken")
        failed = any(
            node.status == "failed" and self.graph.on_failure[self.grown.template(index)] != CONTINUE
            for index, node in enumerate(self.nodes)
        )
        missing = any(index >= 0 and self.nodes[index].status not in there for index in self.graph.output_nodes)
        return ev.RUN_STATE_FAILED if failed or missing else ev.RUN_STATE_SUCCEEDED

    def lets_run(self, node: int) -> bool:
        sides = self.grown.sides
        if node in self.graph.finals and not self.ending:
            return False
        return all(self.passed(parent, node) for parent in self.grown.parents(node)) and all(
            sides.get(branch) == side for branch, side in self.grown.branches(node)
        )

    def passed(self, parent: int, node: int) -> bool:
        """Whether a node goes on as far as one that it waits for is concerned."""
        status, graph = self.nodes[parent].status, self.graph
        of_plan, waiting = self.grown.template(parent), self.grown.template(node)
        if status == "failed" and graph.on_failure[of_plan] == CONTINUE and of_plan not in graph.value_parents[waiting]:
            return True
        tolerates = graph.tolerates[waiting] if graph.has_control else 0
        if status in ("failed", "skipped", "cancelled") and tolerates == TOLERATES_FAILED:
            is_forgiven = status != "failed" or graph.on_failure[of_plan] == CONTINUE
            return is_forgiven and graph.kinds[of_plan] != MAP
        return status == "succeeded" or (status == "not taken" and tolerates == TOLERATES_NOT_TAKEN)


def check_logs(logs: Iterable[Sequence[Recorded]], plans: Mapping[bytes, PlanGraph]) -> dict[bytes, RunOfLog]:
    """Check everything that a log alone can show; return its runs."""
    runs: dict[bytes, RunOfLog] = {}
    grants: dict[int, tuple[Any, ...]] = {}
    for log in logs:
        check_gapless(log)
        for record in log:
            check_event(record, runs, plans)
            check_grant(record, grants, runs)
    return runs


def check_commits(log: Sequence[Recorded], ends: Collection[int], plans: Mapping[bytes, PlanGraph]) -> None:
    """Check that no commit ended, at one of these positions, between the last end of a run's nodes and the run's."""
    runs: dict[bytes, RunOfLog] = {}
    for record in log:
        check_event(record, runs, plans)
        if record.seq in ends:
            run = runs[record.event.run_id]
            is_open = any(node.status in OPEN for node in run.nodes)
            demand(run.ended or is_open, f"{record.shard}/{record.seq}: a commit ends before the run, which is over")


def check_gapless(log: Sequence[Recorded]) -> None:
    """Positions 1, 2, ... and epochs that never go back."""
    epoch = 0
    for expected, record in enumerate(log, 1):
        demand(record.seq == expected, f"shard {record.shard}: position {record.seq} where {expected} belongs")
        demand(record.epoch >= epoch, f"shard {record.shard}: epoch {record.epoch} recorded after {epoch}")
        epoch = record.epoch


def check_event(record: Recorded, runs: dict[bytes, RunOfLog], plans: Mapping[bytes, PlanGraph]) -> None:
    """Check that an event may follow what the log said before it, and note it."""
    event, where = record.event, f"{record.shard}/{record.seq}"
    kind = event.WhichOneof("kind") or ""
    if kind == "run_submitted":
        demand(event.run_id not in runs, f"{where}: a run was submitted twice")
        run = RunOfLog(plans[event.run_submitted.plan], event.run_submitted, record.seq)
        repairs.taken_over(run, runs, record)
        run.child_runs.submitted.append(record)
        runs[event.run_id] = run
        return
    run = runs.get(event.run_id)
    if run is None:
        raise Violation(f"{where}: {kind} of a run that was not submitted")
    demand(
        run.ended == (kind == "run_reopened"), f"{where}: {kind}, and the run had {'' if run.ended else 'not '}ended"
    )
    try:
        _CHECKS[kind](run, getattr(event, kind), record)
    except Violation as violation:
        raise Violation(f"{where} ({kind}): {violation}") from None


def check_grant(record: Recorded, grants: dict[int, tuple[Any, ...]], runs: Mapping[bytes, RunOfLog]) -> None:
    """Check that no right to execute was given for two attempts, nor one to wait."""
    kind = record.event.WhichOneof("kind") or ""
    if kind in ("action_started", "action_succeeded", "action_failed"):
        what = getattr(record.event, kind)
        if what.node in runs[record.event.run_id].graph.waits:
            demand(not what.grant, f"{record.shard}/{record.seq}: a wait under grant {what.grant:x}")
            return
        attempt = (record.event.run_id, what.node, what.attempt)
        known = grants.setdefault(what.grant, attempt)
        demand(known == attempt, f"{record.shard}/{record.seq}: grant {what.grant:x} of two attempts")
        demand(what.grant > 0, f"{record.shard}/{record.seq}: no grant")


def _started(run: RunOfLog, started: ev.ActionStarted, record: Recorded) -> None:
    node = _attempted(run, started.node, started.attempt)
    demand(node.status == "waiting", f"node {started.node} starts while {node.status}")
    demand(not run.stopping, f"node {started.node} starts after the run was cancelled")
    node.status = "running"


def _succeeded(run: RunOfLog, succeeded: ev.ActionSucceeded, record: Recorded) -> None:
    node = _attempted(run, succeeded.node, succeeded.attempt)
    if succeeded.node in run.graph.waits:
        waits.ended(run, succeeded, record)
    node.status, node.output_seq = "succeeded", record.seq
    node.ends_at_s.append(record.at_s)
    growth.decided(run, succeeded, record)


def _failed(run: RunOfLog, failed: ev.ActionFailed, record: Recorded) -> None:
    node = _attempted(run, failed.node, failed.attempt)
    if failed.node in run.graph.waits:
        waits.ended(run, failed, record)
    policy = run.graph.retry[run.grown.template(failed.node)]
    if failed.HasField("retry_delay_s"):
        demand(not run.stopping, f"node {failed.node} is tried again after the run was cancelled")
        node.status, node.attempt = "waiting", node.attempt + 1
        node.may_start_at_s[node.attempt] = record.at_s + failed.retry_delay_s
        if failed.cause == ev.CAUSE_LOST:
            node.losses = 1 if failed.long_lived else node.losses + 1
        if failed.cause in FREE_CAUSES:
            demand(failed.retry_delay_s == 0, f"node {failed.node} waits for a retry that it did not use up")
        else:
            node.retries += 1
            _check_delay(policy, node.retries, failed)
        demand(failed.cause not in FINAL_CAUSES, f"node {failed.node} is tried again after {failed.cause}")
        demand(node.retries <= policy.retries, f"node {failed.node} is tried again beyond its retries")
        demand(node.losses <= LOSSES_MAX, f"node {failed.node} is tried again beyond its losses")
        return
    node.status = "cancelled" if failed.cause == ev.CAUSE_CANCELLED else "failed"
    node.ends_at_s.append(record.at_s)
    given_up = failed.cause in FINAL_CAUSES or failed.failure.type in ("final", "NoRoom")
    lost = failed.cause == ev.CAUSE_LOST
    spent = node.losses >= LOSSES_MAX if lost else failed.cause not in FREE_CAUSES and node.retries >= policy.retries
    demand(run.stopping or given_up or spent, f"node {failed.node} failed finally with retries left")


def _check_delay(policy: plan_pb2.RetryPolicy, retry: int, failed: ev.ActionFailed) -> None:
    delay_s = policy.delay_s * max(policy.factor, 1.0) ** (retry - 1)
    if policy.delay_max_s:
        delay_s = min(delay_s, policy.delay_max_s)
    least_s = delay_s * (1 - policy.jitter)
    demand(
        least_s - 1e-9 <= failed.retry_delay_s <= delay_s + 1e-9,
        f"retry {retry} of node {failed.node} after {failed.retry_delay_s} s, expected {least_s} to {delay_s}",
    )


def _attempted(run: RunOfLog, index: int, attempt: int) -> Node:
    node = run.nodes[index]
    demand(node.status in OPEN, f"attempt {attempt} of node {index}, which has {node.status}")
    demand(attempt == node.attempt, f"attempt {attempt} of node {index} where {node.attempt} was due")
    demand(run.lets_run(index), f"node {index} before its inputs")
    node.tried = max(node.tried, attempt)
    return node


def _skipped(run: RunOfLog, skipped: ev.NodesSkipped, record: Recorded) -> None:
    for index in skipped.nodes:
        node = run.nodes[index]
        demand(node.status == "waiting", f"node {index} is skipped, which has {node.status}")
        ends.check_left_out(run, index, skipped)
        node.status = "not taken" if skipped.reason == ev.SKIP_REASON_NOT_TAKEN else "skipped"
        node.ends_at_s.append(record.at_s)
    if all(index in run.graph.finals for index in skipped.nodes):
        return  # what is left out of an end is looked at once the run has ended
    if skipped.reason == ev.SKIP_REASON_NOT_TAKEN:
        growth.check_not_taken(run, skipped)
    elif skipped.reason in (ev.SKIP_REASON_UPSTREAM_FAILED, ev.SKIP_REASON_UPSTREAM_CANCELLED):
        for index in skipped.nodes:
            lost = any(
                run.nodes[each].status not in OPEN and not run.passed(each, index) for each in run.grown.parents(index)
            )
            because = run.grown.template(skipped.because_of)
            demand(
                lost or run.graph.on_failure[because] != CONTINUE,  # which no list leaves out
                f"node {index} is skipped, and all that it waits for may still succeed",
            )


def _cancel_requested(run: RunOfLog, requested: ev.CancelRequested, record: Recorded) -> None:
    demand(not run.stopping if run.ending else not run.cancelled, "a run is cancelled twice")
    run.stopping, run.stopped_at_s = True, run.stopped_at_s or record.at_s
    run.cancelled = run.cancelled or not requested.fail_fast
    demand(not requested.fail_fast or run.submitted.options.fail_fast, "a run stopped itself that was not asked to")


def _run_ended(run: RunOfLog, ended: ev.RunEnded, record: Recorded) -> None:
    still = run.open_nodes()
    demand(not still, f"the run has ended with open nodes {still}")
    expected = run.expected_state()
    demand(ended.state == expected, f"ended {ended.state} where {expected} was due")
    ends.check_whole(run)
    run.ended, run.ended_at_s, run.state = True, record.at_s, ended.state
    run.child_runs.ends.append(record)
    repairs.end_pause(run, record)
    if ended.state == ev.RUN_STATE_SUCCEEDED:
        outputs = [(ref.node, ref.seq) for ref in ended.outputs]
        due = [
            (n, run.first_seq if n < 0 else run.nodes[n].output_seq)
            for n in run.graph.output_nodes
            if n < 0 or run.nodes[n].status == "succeeded"
        ]
        growth.check_one_side(run)
        demand(outputs == due, f"outputs at {outputs}, recorded at {due}")


_CHECKS = {
    "action_started": _started,
    "action_succeeded": _succeeded,
    "action_failed": _failed,
    "nodes_skipped": _skipped,
    "cancel_requested": _cancel_requested,
    "finally_began": ends.began,
    "run_ended": _run_ended,
    "wait_began": waits.began,
    "signal_received": waits.received,
    "run_reopened": repairs.reopened,
    "run_paused": repairs.paused,
    "run_resumed": repairs.resumed,
}


def check_fold(log: Sequence[Recorded], plans: Mapping[bytes, PlanGraph], live: Shard | None = None) -> None:
    """Check that the log rebuilds the state, that a snapshot does, and that the live state is that one."""
    shard = log[0].shard if log else 0
    folded = Shard(shard, plans)
    ended: Ended = {}
    for record in log:
        for step in applied(folded, record.event, ended):
            demand(bool(step.rows), f"{shard}/{record.seq}: no row of the transitions allows {step}")
    demand(folded.seq == len(log), f"shard {shard}: {folded.seq} after {len(log)} events")
    restored = Shard(shard, plans)
    restored.restore(folded.snapshot(0.0), folded.seq, folded.epoch, 0.0)
    demand(described(restored) == described(folded), f"shard {shard}: a snapshot does not restore the state")
    if live is not None and live.seq == len(log):
        demand(described(live) == described(folded), f"shard {shard}: the log does not rebuild the state")


def described(shard: Shard) -> list[bytes]:
    """All that a shard knows, but for what is left of delays, which depends on when one asks."""
    runs = list(shard.snapshot(0.0))
    for run in runs:
        run.submitted_at_us = 0
        for node in run.nodes:
            node.delay_s = node.due_in_s = 0.0
    return sorted(run.SerializeToString(deterministic=True) for run in runs)


def check_answers(
    runs: Mapping[bytes, RunOfLog],
    submitted: Iterable[bytes],
    cancelled: Iterable[bytes] = (),
    signalled: Iterable[tuple[bytes, str]] = (),
) -> None:
    """Check that nothing acknowledged is lost."""
    for run_id, name in signalled:
        demand(name in runs[run_id].waits.received, f"signal {name} of run {run_id.hex()} is not in the log")
    for run_id in submitted:
        demand(run_id in runs, f"run {run_id.hex()} was acknowledged and is not in the log")
    for run_id in cancelled:
        run = runs[run_id]
        demand(
            run.cancelled or run.ended or bool(run.repaired.kept),
            f"the cancellation of run {run_id.hex()} was acknowledged and is not in the log",
        )


def check_ended(runs: Mapping[bytes, RunOfLog]) -> None:
    """Check that no run is stuck; only once faults have been over for long enough."""
    for run_id, run in runs.items():
        still = [(index, node.status, node.attempt) for index, node in enumerate(run.nodes)]
        demand(run.ended, f"run {run_id.hex()} has not ended: {still}")


def check_executions(
    executions: Iterable[Execution], logs: Sequence[Sequence[Recorded]], runs: Mapping[bytes, RunOfLog], shards: int
) -> None:
    """Check that a grant was executed once at most, and on the inputs that the log holds."""
    seen: dict[int, Execution] = {}
    for execution in executions:
        other = seen.setdefault(execution.grant, execution)
        demand(other is execution, f"grant {execution.grant:x} was executed twice: {other}, {execution}")
        run = runs[execution.run_id]
        log = logs[shard_of(execution.run_id, shards)]
        node = run.nodes[execution.node]
        may_start_at_s = node.may_start_at_s.get(execution.attempt, 0.0)
        demand(execution.at_s >= may_start_at_s - 1e-6, f"{execution}: before its delay was over at {may_start_at_s}")
        demand(node.status != "not taken" or ends.is_of_another(execution, run), f"{execution}: was not taken")
        ends.check_begun(execution, run)
        ended_at_s = max((_first(run.nodes[each].ends_at_s) for each in run.grown.parents(execution.node)), default=0.0)
        demand(run.lets_run(execution.node), f"{execution}: a node that it waits for never ended as it has to")
        demand(execution.at_s >= ended_at_s - 1e-6, f"{execution}: before what it waits for had ended at {ended_at_s}")
        _check_inputs(execution, run, log)


def _check_inputs(execution: Execution, run: RunOfLog, log: Sequence[Recorded]) -> None:
    given = {number: values for number, values in execution.inputs}
    for number, index in run.grown.used(execution.node):
        seq = run.first_seq if index < 0 else run.nodes[index].output_seq
        if not seq or (index >= 0 and _first(run.nodes[index].ends_at_s, last=True) > execution.at_s):
            demand(number not in given, f"{execution}: an input that is not recorded")
            continue
        demand(number in given, f"{execution}: without an input of node {index}")
        values = _recorded_values(log[seq - 1].event, execution.run_id, index, run)
        demand(given.pop(number) == values, f"{execution}: other inputs")
    demand(not given, f"{execution}: inputs of nodes {sorted(given)}, which it does not use")


def _first(times: Sequence[float], *, last: bool = False) -> float:
    """The first of the times at which something ended, or the last one; it was so from the beginning: 0."""
    return (times[-1] if last else times[0]) if times else 0.0


def check_not_lost(logs: Iterable[Sequence[Recorded]]) -> None:
    """Check that no attempt is lost; only where workers and their connections were well."""
    for record in (record for log in logs for record in log if record.event.HasField("action_failed")):
        lost = record.event.action_failed.cause == ev.CAUSE_LOST
        demand(not lost, f"{record.shard}/{record.seq}: an attempt is lost, and its worker was well")


def check_once(executions: Iterable[Execution]) -> None:
    """Check that no attempt is executed twice under one owner of its pool; only where workers were well.

    A pool's owner may fall before the log names what it granted: its successor then grants that again.
    """
    done: dict[tuple[Any, ...], Execution] = {}
    for execution in executions:
        attempt = (execution.run_id, execution.node, execution.attempt, execution.grant // EPOCH_FACTOR)
        other = done.setdefault(attempt, execution)
        demand(other is execution, f"an attempt was executed twice under one owner of the pool: {other}, {execution}")


def check_running(log: Sequence[Recorded], run_id: bytes, grant: int) -> None:
    """Check that the log says of what has been running for long that it runs, or has a reason not to."""
    of_run = [record.event for record in log if record.event.run_id == run_id]
    if any(event.HasField("run_ended") or event.HasField("cancel_requested") for event in of_run):
        return
    known = any(event.HasField("action_started") and event.action_started.grant == grant for event in of_run)
    demand(known, f"grant {grant:x} has been executing for long, and the log does not know")


def check_ends(table: Mapping[bytes, Mapping[str, Any]], ended: Mapping[bytes, int]) -> None:
    """Check that the table of runs says of no run that it has ended but where its log does, at any moment."""
    for run_id, row in table.items():
        state = row["state"] if row["state"] in END_STATES else 0
        demand(state == ended.get(run_id, 0), f"run {run_id.hex()} is {row['state']} in the table, not in the log")


def check_table(
    runs: Mapping[bytes, RunOfLog], table: Mapping[bytes, Mapping[str, Any]], answers: Mapping[bytes, int]
) -> None:
    """Check that the table of runs and what clients are told agree with the logs."""
    demand(runs.keys() == table.keys(), f"the logs have runs {sorted(runs)}, the table {sorted(table)}")
    for run_id, run in runs.items():
        state = table[run_id]["state"]
        demand(state == run.state, f"run {run_id.hex()} is {state} in the table, {run.state} in the log")
        demand(answers.get(run_id, run.state) == run.state, f"of run {run_id.hex()} a client was told another state")


def check_prompt(runs: Mapping[bytes, RunOfLog], executions: Iterable[Execution]) -> None:
    """Check that a cancellation ends what runs and begins nothing; only where nothing else went wrong."""
    for run_id, run in runs.items():
        late_s = run.ended_at_s - run.stopped_at_s
        demand(not run.stopping or late_s < STOPS_WITHIN_S, f"run {run_id.hex()} ended {late_s:.1f} s after its stop")
    for execution in executions:
        run = runs[execution.run_id]
        late_s = execution.at_s - run.stopped_at_s
        demand(not run.stopping or late_s < STARTS_WITHIN_S, f"{execution}: {late_s:.1f} s after its run was stopped")


def _recorded_values(event: ev.Event, run_id: bytes, node: int, run: RunOfLog) -> Any:
    if node < 0:
        demand(event.run_id == run_id and event.HasField("run_submitted"), "no inputs at this position")
        return event.run_submitted.inputs
    demand(event.run_id == (run.nodes[node].origin or run_id), "a reference into another run")
    demand(event.HasField("action_succeeded") and event.action_succeeded.node == node, "no outputs at this position")
    return event.action_succeeded.outputs
