"""A pool and a Dependency Manager in virtual time, with workers that take as long as they are told to.

python -m tests.action_service.virtual_cluster: how far from the lower bound mixes of graphs end, by seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from statistics import mean

from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.effects import Publish, ToWorker
from penstock_dependency_manager.core import Graph
from penstock_plan.graph import PlanGraph
from penstock_proto.action_service.v1.worker_pb2 import Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from tests.dags import NodeSpec, graph_of, plan_of

HOP_S = 0.001  # from one service to the next
TICK_S = 0.05
DEADLINE_S = 100_000.0


class VirtualCluster:
    """Workers with some cores each; every node needs one core for as long as its run says."""

    def __init__(self, *cores: int) -> None:
        self.now = 0.0
        self.ended_at: dict[bytes, float] = {}  # by run
        self.running = 0
        self._pool = Pool("default", 1)
        self._pool.note_caught_up(0.0)
        self._plans: dict[bytes, PlanGraph] = {}
        self._graph = Graph(0, self._plans)
        self._seconds: dict[bytes, Sequence[float]] = {}
        self._left: dict[bytes, int] = {}
        self._due: list[tuple[float, int, Report]] = []
        self._number = count()
        self._workers = [f"w{number}" for number in range(len(cores))]
        for name, each in zip(self._workers, cores, strict=True):
            capacity = Resources(cpu_milli=1000 * each)
            self._pool.register(Register(worker=name, incarnation="1", capacity=capacity), 0.0)
        self._queues: dict[str, list[Report]] = {name: [] for name in self._workers}
        self._free = dict(zip(self._workers, cores, strict=True))

    def submit(self, graph: PlanGraph, seconds: Sequence[float], team: str = "a") -> bytes:
        """Begin a run whose node i takes `seconds[i]`."""
        run_id = (len(self._seconds) + 1).to_bytes(16, "big")
        self._plans[graph.hash] = graph
        self._seconds[run_id], self._left[run_id] = seconds, graph.size
        submitted = ev.RunSubmitted(plan=graph.hash, caller=ev.Caller(team=team))
        self._record([ev.Event(run_id=run_id, run_submitted=submitted)])
        self._take()
        return run_id

    def run(self, until_s: float = DEADLINE_S) -> None:
        """Let time pass until every run has ended, or a moment has come."""
        next_tick = self.now + TICK_S
        while self._left and self.now < until_s:
            due = self._due[0][0] if self._due else next_tick
            if due <= next_tick:
                self.now = max(self.now, due)
                ended: list[Report] = []
                while self._due and self._due[0][0] <= self.now:
                    ended.append(heapq.heappop(self._due)[2])
                for report in ended:
                    self._end(report)
            else:
                self.now = next_tick
                for name in self._workers:
                    self._pool.heartbeat(name, self.now)
                self._pool.tick(self.now)
                next_tick += TICK_S
            self._take()

    def _end(self, report: Report) -> None:
        self.running -= 1
        self._free[report.worker] += 1
        self._begin(report.worker)
        self._pool.reports(report.worker, [report], self.now)

    def _begin(self, worker: str) -> None:
        """Start what waits at a worker, in order."""
        waiting = self._queues[worker]
        while waiting and self._free[worker]:
            report = waiting.pop(0)
            self._free[worker] -= 1
            self.running += 1
            lasts_s = report.succeeded.duration_us * 1e-6
            heapq.heappush(self._due, (self.now + lasts_s, next(self._number), report))

    def _take(self) -> None:
        while effects := self._pool.decide(self.now):
            for effect in effects:
                match effect:
                    case ToWorker():
                        for granted in effect.grants:
                            self._queues[effect.worker].append(self._report(effect.worker, granted))
                        self._begin(effect.worker)
                    case Publish():
                        self._record([_event(report) for report in effect.reports])
                    case _:
                        pass

    def _report(self, worker: str, granted: object) -> Report:
        start = granted.start  # type: ignore[attr-defined]
        report = Report(run_id=start.run_id, node=start.node, attempt=start.attempt, worker=worker)
        report.grant = granted.grant  # type: ignore[attr-defined]
        report.succeeded.duration_us = int(self._seconds[start.run_id][start.node] * 1e6)
        return report

    def _record(self, events: list[ev.Event]) -> None:
        from_seq = self._graph.seq
        for event in events:
            if event.HasField("action_succeeded"):
                self._left[event.run_id] -= 1
        batch = ev.EventBatch(shard=0, epoch=1, from_seq=from_seq + 1, events=events)
        instructions: list[Instruction] = self._graph.advance(batch, self.now)
        for run_id in {event.run_id for event in events if self._left.get(event.run_id) == 0}:
            del self._left[run_id]
            self.ended_at[run_id] = self.now
        to_seq = self._graph.seq
        self._pool.actions(
            ActionBatch(shard=0, epoch=1, from_seq=from_seq, to_seq=to_seq, instructions=instructions), self.now
        )


def _event(report: Report) -> ev.Event:
    done = ev.ActionSucceeded(node=report.node, attempt=report.attempt, grant=report.grant)
    done.duration_us = report.succeeded.duration_us
    return ev.Event(run_id=report.run_id, action_succeeded=done)


def lower_bound_s(cores: int, runs: Mapping[bytes, tuple[PlanGraph, Sequence[float]]]) -> float:
    """No schedule is shorter: all the work on all cores, or the longest path."""
    work_s = sum(sum(seconds) for _, seconds in runs.values())
    paths = [
        sum(seconds[node] for node in graph.critical_path(seconds.__getitem__)) for graph, seconds in runs.values()
    ]
    return max(work_s / cores, max(paths))


def workflow(dice: Random, name: str) -> tuple[PlanGraph, list[float]]:
    """Draw a graph of the kinds that people run: layers, fan-outs with a join, chains, trees, with durations."""
    kind = dice.choice(["layers", "layers", "fan", "chain", "tree", "comb"])
    nodes: list[NodeSpec] = []
    if kind == "layers":
        before: list[int] = []
        for _ in range(dice.randint(3, 12)):
            layer = list(range(len(nodes), len(nodes) + dice.randint(1, 20)))
            nodes += [NodeSpec(uses=dice.sample(before, min(len(before), dice.randint(1, 3)))) for _ in layer]
            before = layer
    elif kind == "fan":
        nodes.append(NodeSpec())
        width = dice.randint(20, 200)
        nodes += [NodeSpec(uses=[0])] * width
        nodes.append(NodeSpec(uses=range(1, width + 1)))
    elif kind == "chain":
        nodes += [NodeSpec(uses=[node - 1] if node else []) for node in range(dice.randint(5, 60))]
    elif kind == "tree":
        nodes += [NodeSpec(uses=[(node - 1) // 3] if node else []) for node in range(dice.randint(20, 150))]
    else:
        length = dice.randint(5, 20)
        nodes += [NodeSpec(uses=[node - 1] if node else []) for node in range(length)]
        nodes += [NodeSpec(uses=[dice.randrange(length)]) for _ in range(5 * length)]
    operators = [dice.lognormvariate(-0.5, 1.0) for _ in range(4)]
    seconds = [dice.choice(operators) * dice.uniform(0.8, 1.25) for _ in nodes]
    plan = plan_of(nodes, name=name)
    for operator in plan.operators:
        operator.module = name
    return graph_of(plan), seconds


def mix(seed: int, cores: Sequence[int] = (4, 4, 4, 4), count_: int = 20) -> tuple[float, float, float]:
    """Run a mix of graphs twice, the second time with durations that were seen; return how far from the lower bound."""
    dice = Random(seed)
    drawn = [workflow(dice, f"tests:{seed}-{number}") for number in range(count_)]
    cluster = VirtualCluster(*cores)
    ratios: list[float] = []
    responses: list[float] = []
    for _ in range(2):
        began = cluster.now
        runs = {cluster.submit(graph, seconds): (graph, seconds) for graph, seconds in drawn}
        cluster.run()
        ratios.append((cluster.now - began) / lower_bound_s(sum(cores), runs))
        responses = [cluster.ended_at[run_id] - began for run_id in runs]
    return ratios[0], ratios[1], mean(responses) / (cluster.now - began)


def main() -> None:
    rows = [mix(seed) for seed in range(20)]
    for seed, row in enumerate(rows):
        print(seed, *(f"{each:.3f}" for each in row))
    print("mean", *(f"{mean(each):.3f}" for each in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()
