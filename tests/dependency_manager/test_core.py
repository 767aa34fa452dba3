"""What follows from a log, against an oracle that looks at all of it every time."""

from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as some
from penstock_dependency_manager.core import Graph
from penstock_plan.graph import PlanGraph
from penstock_proto.dependency_manager.v1 import actions_pb2 as act
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2
from penstock_proto.successes import numbers, packed, unpacked
from penstock_state_tracker.core.shard import Shard

from tests.dags import NodeSpec, graph_of, plan_of, random_plan
from tests.reopening import reopening_of

CALLER = ev.Caller(user="ann", team="red")


class Attempt(NamedTuple):
    run_id: bytes
    node: int
    attempt: int


def may_run(events: Iterable[ev.Event], plans: dict[bytes, PlanGraph]) -> set[Attempt]:
    """The oracle: every attempt that may run or runs after these events, found by going through them all."""
    by_run: dict[bytes, list[ev.Event]] = {}
    for event in events:
        by_run.setdefault(event.run_id, []).append(event)
    return {
        Attempt(run_id, *rest)
        for run_id, of_run in by_run.items()
        for rest in _of_run(of_run, plans[of_run[0].run_submitted.plan])
    }


def _of_run(events: list[ev.Event], graph: PlanGraph) -> set[tuple[int, int]]:
    ended: dict[int, str] = {}
    attempts = dict.fromkeys(range(graph.size), 1)
    out: set[tuple[int, int]] = set()
    stopped = False
    for event in events:
        match event.WhichOneof("kind"):
            case "run_submitted":
                ended = dict.fromkeys((node for node, _ in unpacked(event.run_submitted.reused)), "succeeded")
            case "run_reopened":
                reopened, stopped = event.run_reopened, False
                ended = dict.fromkeys((node for node, _ in unpacked(reopened.succeeded)), "succeeded")
                attempts |= dict(zip(numbers(reopened.tried_steps), reopened.next_attempts, strict=True))
            case "cancel_requested":
                stopped = True
            case "action_succeeded":
                ended[event.action_succeeded.node] = "succeeded"
            case "action_failed" if event.action_failed.HasField("retry_delay_s"):
                attempts[event.action_failed.node] += 1
            case "action_failed":
                ended[event.action_failed.node] = "failed"
            case "nodes_skipped":
                ended.update(dict.fromkeys(event.nodes_skipped.nodes, "skipped"))
            case "run_ended":
                ended = dict.fromkeys(range(graph.size), "ended")
            case _:
                pass
        still = {(node, attempt) for node, attempt in out if node not in ended and attempt == attempts[node]}
        ready = {
            (node, attempts[node])
            for node in range(graph.size)
            if node not in ended and all(_lets_run(graph, ended, parent, node) for parent in graph.parents[node])
        }
        out = still if stopped else ready
    return out


def _lets_run(graph: PlanGraph, ended: dict[int, str], parent: int, node: int) -> bool:
    forgiven = graph.on_failure[parent] == plan_pb2.FAILURE_POLICY_CONTINUE and parent not in graph.value_parents[node]
    return ended.get(parent) == "succeeded" or (ended.get(parent) == "failed" and forgiven)


def _closed(graph: PlanGraph, dice: Random) -> list[int]:
    chosen: list[int] = []
    for node in range(graph.size):
        if all(parent in chosen for parent in graph.parents[node]) and dice.random() < 0.6:
            chosen.append(node)
    return chosen


class Walk:
    """One shard driven by a State Tracker's core with random reports; its graph follows in random pieces."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        graphs = [graph_of(random_plan(self.dice, 10)) for _ in range(2)]
        self.plans = {graph.hash: graph for graph in graphs}
        self.tracker = Shard(0, self.plans)
        self.graph = Graph(0, self.plans)
        self.log: list[ev.Event] = []
        self.running: set[Attempt] = set()
        self.said: list[act.Instruction] = []
        self.submitted: list[bytes] = []

    def submit(self, index: int) -> None:
        plan = self.dice.choice(list(self.plans.values()))
        event = ev.RunSubmitted(plan=plan.hash, caller=CALLER, nodes=plan.size)
        event.options.fail_fast = self.dice.random() < 0.3
        if self.dice.random() < 0.3:  # a fork: with parents that are all reused, too
            event.reused.CopyFrom(packed((node, 1) for node in _closed(plan, self.dice)))
        self.submitted.append(bytes(15) + bytes([index]))
        self.log += self.tracker.submit(event, self.submitted[-1], 0.0)

    def report(self) -> None:
        pending = sorted(Attempt(s.run_id, s.node, s.attempt) for s in self.graph.starts(0.0))
        if not pending:
            return
        run_id, node, attempt = self.dice.choice(pending)
        report = reports_pb2.Report(run_id=run_id, node=node, attempt=attempt, grant=1, worker="w")
        match self.dice.randrange(6):
            case 0:
                report.started.SetInParent()
            case 1 | 2:
                report.failed.cause = self.dice.choice((ev.CAUSE_USER, ev.CAUSE_LOST, ev.CAUSE_BAD_RESULT))
            case _:
                report.succeeded.SetInParent()
        self.log += self.tracker.report(report, 0.0)

    def step(self) -> None:
        ended = [run_id for run_id in self.submitted if run_id not in self.tracker.runs]
        if ended and self.dice.random() < 0.3:
            self.reopen(self.dice.choice(ended))
        elif self.dice.random() < 0.05 and self.tracker.runs:
            self.log += self.tracker.cancel(self.dice.choice(list(self.tracker.runs)), CALLER, "", 0.0)
        else:
            self.report()
        self.follow()

    def reopen(self, run_id: bytes) -> None:
        *_, end = [event for event in self.log if event.run_id == run_id]
        if end.run_ended.state != ev.RUN_STATE_SUCCEEDED:
            self.log += self.tracker.reopen(run_id, reopening_of(run_id, self.log, self.plans), 0.0)

    def follow(self) -> None:
        while self.graph.seq < len(self.log):
            at = self.graph.seq
            piece = self.log[at : at + self.dice.randint(1, 4)]
            self.said += self.graph.advance(ev.EventBatch(from_seq=at + 1, epoch=1, events=piece), 0.0)


@given(some.integers(0, 2**32))
def test_it_says_what_the_whole_log_says(seed: int) -> None:
    walk = Walk(seed)
    walk.submit(1)
    walk.submit(2)
    walk.follow()
    for _ in range(60):
        pending = {Attempt(s.run_id, s.node, s.attempt) for s in walk.graph.starts(0.0)}
        assert pending == may_run(walk.log, walk.plans)
        restarted = Graph(0, walk.plans)
        restarted.load(walk.tracker.snapshot(0.0), walk.tracker.seq, 1, 0.0)
        assert described(restarted) == described(walk.graph)
        walk.step()
    check_instructions(walk.said)


def described(graph: Graph) -> dict[Attempt, tuple[object, ...]]:
    """What a snapshot says, without the order, and without the delay, of which a later snapshot has less left."""
    return {
        Attempt(start.run_id, start.node, start.attempt): (
            [(ref.node, ref.seq) for ref in start.inputs],
            start.running_grant,
            start.running_worker,
            start.stopping,
            start.team,
        )
        for start in graph.starts(0.0)
    }


def test_a_snapshot_names_what_is_left_of_a_retrys_delay() -> None:
    plan = graph_of(plan_of([NodeSpec(retries=3)]))
    graph = Graph(0, {plan.hash: plan})
    failed = ev.ActionFailed(node=0, attempt=1, retry_delay_s=10.0)
    submitted = ev.Event(run_id=b"r" * 16, run_submitted=ev.RunSubmitted(plan=plan.hash))
    graph.advance(ev.EventBatch(from_seq=1, events=[submitted]), 100.0)
    graph.advance(ev.EventBatch(from_seq=2, events=[ev.Event(run_id=b"r" * 16, action_failed=failed)]), 100.0)
    assert [[start.delay_s for start in graph.starts(now)] for now in (100.0, 104.0, 111.0)] == [[10.0], [6.0], [0.0]]


def check_instructions(said: list[act.Instruction]) -> None:
    """Each attempt is started once, before it is stopped or recorded, and recorded at most once."""
    started: set[Attempt] = set()
    recorded: set[Attempt] = set()
    stopped: set[Attempt] = set()
    for instruction in said:
        kind = instruction.WhichOneof("kind") or ""
        what = getattr(instruction, kind)
        attempt = Attempt(what.run_id, what.node, what.attempt)
        if kind == "start":
            assert attempt not in started
            before = attempt._replace(attempt=attempt.attempt - 1)
            assert attempt.attempt == 1 or before in recorded or before in stopped  # stopped: it was reopened since
            started.add(attempt)
        elif kind == "recorded":
            assert attempt in started and attempt not in recorded
            recorded.add(attempt)
        else:
            assert attempt in started and attempt not in recorded
            if kind == "stop":
                stopped.add(attempt)
