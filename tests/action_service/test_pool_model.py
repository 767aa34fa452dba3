"""The pool against a simple model of everything around it: a log, a stream that loses, workers that die and return."""

from __future__ import annotations

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from penstock_action_service.pool.effects import Granted, Publish, Resend, ToWorker
from penstock_action_service.pool.records import HELD_MAX
from penstock_proto.dependency_manager.v1.actions_pb2 import Recorded, Start, Stop
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_PASS, NODE_KIND_TASK
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from tests.action_service.pools import LEASE_S, RUN, Driven, cancelled, held, start, started, succeeded

OPERATORS = {"m:short": 30e-6, "m:medium": 0.008, "m:long": 2.0}
WORKERS = {"a": 2.0, "b": 1.0, "c": 4.0}
SHARDS = 2
THEN = st.sampled_from(["flush", "flush", "flush and lose", "nothing"])
QUIET_ROUNDS_MAX = 100  # and some for each attempt


@dataclass
class Attempt:
    """What the log knows of one attempt."""

    start: Start
    shard: int
    running_grant: int = 0
    running_worker: str = ""
    stopping: bool = False
    ended: bool = False
    ended_by: int = 0


@dataclass
class Agent:
    """A worker: what it executes, and what it keeps until that is recorded."""

    name: str
    life: int = 0
    up: bool = False
    connected: bool = False  # as the pool believes
    deaf: bool = False  # its link is broken, and neither side has noticed
    executing: dict[int, Granted] = field(default_factory=dict)
    unrecorded: dict[int, tuple[Granted, Report]] = field(default_factory=dict)


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self.now = 0.0
        self.attempts: dict[tuple[int, int], Attempt] = {}
        self.nodes = 0
        self.seqs = dict.fromkeys(range(SHARDS), 0)
        self.agents = {name: Agent(name) for name in WORKERS}
        self.seen: set[int] = set()
        self.unloaded: set[int] = set()
        self.take_over()
        self.load()
        self.load()
        for name in WORKERS:
            self.connect(name)

    # The log

    @rule(
        operator=st.sampled_from(sorted(OPERATORS)),
        cpus=st.sampled_from([0.5, 1.0, 1.0, 2.0, 4.0]),
        team=st.sampled_from(["x", "y"]),
        priority=st.integers(-1, 1),
        delay_s=st.sampled_from([0.0, 0.0, 0.0, 3.0]),
        count=st.integers(1, 30),
        is_pass=st.booleans(),
        then=THEN,
    )
    def begin(
        self, operator: str, cpus: float, team: str, priority: int, delay_s: float, count: int, is_pass: bool, then: str
    ) -> None:
        kind = NODE_KIND_PASS if is_pass and count == 1 else NODE_KIND_TASK
        for shard in range(SHARDS):
            starts = [
                start(self.nodes + i, cpus=cpus, team=team, priority=priority, operator=operator, kind=kind)
                for i in range(count)
            ]
            for made in starts:
                made.delay_s = delay_s
                self.attempts[made.node, 1] = Attempt(made, shard)
            self.nodes += count
            self._say(shard, *starts)
        self._then(then)

    @precondition(lambda self: self._open())
    @rule(data=st.data(), then=THEN)
    def stop(self, data: st.DataObject, then: str) -> None:
        attempt = data.draw(st.sampled_from(self._open()))
        attempt.stopping = True
        attempt.ended = not attempt.running_grant
        made = attempt.start
        self._say(attempt.shard, Stop(run_id=RUN, node=made.node, attempt=made.attempt))
        self._then(then)

    def _record(self, report: Report) -> None:
        """Decide about a report as the State Tracker does."""
        attempt = self.attempts[report.node, report.attempt]
        if attempt.ended:
            return
        if report.HasField("started"):
            if not attempt.running_grant and not attempt.stopping:
                attempt.running_grant, attempt.running_worker = report.grant, report.worker
            return
        attempt.ended, attempt.ended_by = True, report.grant
        made = attempt.start
        recorded = Recorded(run_id=RUN, node=made.node, attempt=made.attempt, grant=report.grant, seq=1)
        again: list[Start] = []
        if report.HasField("failed") and not attempt.stopping:
            next_start = Start()
            next_start.CopyFrom(made)
            next_start.attempt += 1
            again.append(next_start)
            self.attempts[next_start.node, next_start.attempt] = Attempt(next_start, attempt.shard)
        self._say(attempt.shard, recorded, *again)

    def _say(self, shard: int, *messages: Start | Stop | Recorded) -> None:
        if shard not in self.unloaded:
            self.pool.seq = self.seqs[shard]
            self.pool.say(*messages, shard=shard)
        self.seqs[shard] += 1

    def _open(self) -> list[Attempt]:
        return [attempt for attempt in self.attempts.values() if not attempt.ended and not attempt.stopping]

    # The pool

    @precondition(lambda self: not self.unloaded)
    @rule()
    def take_over(self) -> None:
        """The pool's process dies, another one takes over."""
        self.epoch += 1
        self.pool = Driven(epoch=self.epoch, caught_up=False)
        self.pool.now = self.now
        for agent in self.agents.values():
            agent.connected = False
        self.unloaded = set(range(SHARDS))

    @precondition(lambda self: self.unloaded)
    @rule()
    def load(self) -> None:
        shard = self.unloaded.pop()
        self._load(shard)
        if not self.unloaded:
            self.pool.core.note_caught_up(self.now)

    @rule(shard=st.integers(0, SHARDS - 1))
    def load_again(self, shard: int) -> None:
        if shard not in self.unloaded:
            self._load(shard)

    def _load(self, shard: int) -> None:
        starts: list[Start] = []
        for attempt in self.attempts.values():
            if attempt.shard == shard and not attempt.ended:
                again = Start()
                again.CopyFrom(attempt.start)
                again.running_grant, again.running_worker = attempt.running_grant, attempt.running_worker
                again.stopping = attempt.stopping
                starts.append(again)
        self.pool.seq = self.seqs[shard]
        self.pool.snapshot(*starts, shard=shard)

    def _then(self, then: str) -> None:
        if then != "nothing":
            self.flush(loses=then == "flush and lose")

    @rule(loses=st.booleans())
    def flush(self, loses: bool) -> None:
        """Carry out what the pool wants; the stream may lose the reports."""
        for effect in self.pool.take():
            match effect:
                case Publish(shard, reports):
                    self._published(shard, reports, lost=loses)
                case Resend(shard, reports):
                    self._resent(shard, reports)
                case ToWorker(name, recorded, stop, grants):
                    self._ordered(self.agents[name], recorded, stop, grants)
                case _:
                    pass

    def _published(self, shard: int, reports: list[Report], *, lost: bool) -> None:
        for report in reports:
            assert self.attempts[report.node, report.attempt].shard == shard
            if not lost:
                self._record(report)

    def _resent(self, shard: int, reports: list[Report]) -> None:
        for report in reports:
            self._record(report)
        self.pool.core.settle([report.grant for report in reports], {shard: self.seqs[shard]})

    def _ordered(self, agent: Agent, recorded: list[int], stop: list[int], grants: list[Granted]) -> None:
        assert agent.connected
        if agent.deaf:
            return
        for grant in recorded:
            agent.unrecorded.pop(grant, None)
            agent.executing.pop(grant, None)
        stopped = [agent.executing[grant] for grant in dict.fromkeys(stop) if grant in agent.executing]
        self._send(agent, [cancelled(granted, agent.name) for granted in stopped])
        for granted in grants:
            assert granted.grant not in self.seen, "a grant was given twice"
            self.seen.add(granted.grant)
            attempt = self.attempts[granted.start.node, granted.start.attempt]
            assert not attempt.stopping and not attempt.ended, "granted after its end"
            assert granted.start.resources.cpu_milli <= WORKERS[agent.name] * 1000, "it can never run there"
            agent.executing[granted.grant] = granted
        assert len(agent.executing) <= HELD_MAX
        held_long = [granted for granted in agent.executing.values() if granted.start.operator == "m:long"]
        needed = sum(granted.start.resources.cpu_milli for granted in held_long)
        assert needed <= WORKERS[agent.name] * 1000, "long actions are never granted ahead of capacity"

    # The workers

    @precondition(lambda self: any(not agent.connected for agent in self.agents.values()))
    @rule(data=st.data(), then=THEN)
    def come_back(self, data: st.DataObject, then: str) -> None:
        away = [name for name, agent in self.agents.items() if not agent.connected]
        self.connect(data.draw(st.sampled_from(away)))
        self._then(then)

    def connect(self, name: str) -> None:
        agent = self.agents[name]
        if not agent.up:
            agent.up, agent.life = True, agent.life + 1
        agent.connected, agent.deaf = True, False
        holds = [*agent.executing.values(), *(granted for granted, _ in agent.unrecorded.values())]
        self.pool.worker(name, WORKERS[name], [held(granted) for granted in holds], str(agent.life))
        self.pool.reports(*(report for _, report in agent.unrecorded.values()))

    @rule(name=st.sampled_from(sorted(WORKERS)))
    def break_link(self, name: str) -> None:
        self.agents[name].deaf = True

    @rule(name=st.sampled_from(sorted(WORKERS)))
    def disconnect(self, name: str) -> None:
        if self.agents[name].connected:
            self.agents[name].connected = False
            self.pool.core.disconnect(name, self.now)

    @rule(name=st.sampled_from(sorted(WORKERS)))
    def die(self, name: str) -> None:
        agent = self.agents[name]
        self.disconnect(name)
        agent.up = False
        agent.executing.clear()
        agent.unrecorded.clear()

    @precondition(lambda self: any(agent.executing for agent in self.agents.values()))
    @rule(data=st.data(), then=THEN)
    def begun(self, data: st.DataObject, then: str) -> None:
        agent = self._busy(data)
        if agent.connected and not agent.deaf:
            self.pool.reports(started(data.draw(st.sampled_from(list(agent.executing.values()))), agent.name))
        self._then(then)

    @precondition(lambda self: any(agent.executing for agent in self.agents.values()))
    @rule(data=st.data(), count=st.integers(1, 40), then=THEN)
    def end(self, data: st.DataObject, count: int, then: str) -> None:
        self.finish(self._busy(data).name, count)
        self._then(then)

    @rule(rounds=st.integers(1, 8), count=st.integers(1, 20))
    def work(self, rounds: int, count: int) -> None:
        for _ in range(rounds):
            for name in WORKERS:
                self.finish(name, count)
            self.now += 0.001
            self.pool.now = self.now
            self.flush(loses=False)

    def _busy(self, data: st.DataObject) -> Agent:
        return data.draw(st.sampled_from([agent for agent in self.agents.values() if agent.executing]))

    def finish(self, name: str, count: int) -> None:
        agent = self.agents[name]
        done = list(agent.executing.values())[:count]
        self._send(agent, [succeeded(granted, name, OPERATORS[granted.start.operator]) for granted in done])

    def _send(self, agent: Agent, reports: list[Report]) -> None:
        for report in reports:
            agent.unrecorded[report.grant] = (agent.executing.pop(report.grant), report)
        if agent.connected and not agent.deaf:
            self.pool.reports(*reports)

    @rule(after_s=st.sampled_from([0.05, 0.3, 1.0, LEASE_S + 1]), then=THEN)
    def pass_time(self, after_s: float, then: str) -> None:
        self.now += after_s
        self.pool.now = self.now
        for agent in self.agents.values():
            if agent.connected and not agent.deaf:
                self.pool.core.heartbeat(agent.name, self.now)
        self.pool.core.tick(self.now)
        for agent in self.agents.values():
            agent.connected = agent.connected and self.pool.core.knows(agent.name)
        self._then(then)

    # What must hold

    @invariant()
    def nothing_runs_beyond_capacity(self) -> None:
        for worker in self.pool.core.workers(self.now):
            assert 0 <= worker.used.cpu_milli <= worker.capacity.cpu_milli

    @invariant()
    def what_is_open_here_is_open_in_the_log_or_on_its_way(self) -> None:
        summary = self.pool.core.summary()
        assert 0 <= summary.queued + summary.delayed <= len(self.attempts)

    def teardown(self) -> None:
        """Once everything is well again, everything ends, and nothing is left over."""
        while self.unloaded:
            self.load()
        for name in WORKERS:
            if not self.agents[name].connected or self.agents[name].deaf:
                self.disconnect(name)
                self.connect(name)
        for _ in range(QUIET_ROUNDS_MAX + 4 * len(self.attempts)):
            self.flush(loses=False)
            for name in WORKERS:
                self.finish(name, HELD_MAX)
            self.pass_time(0.5, "nothing")
            if self._quiet():
                break
        assert all(attempt.ended for attempt in self.attempts.values()), self.pool.why()
        assert not self.pool.why()
        assert self._quiet()
        for worker in self.pool.core.workers(self.now):
            assert worker.actions == 0 and worker.used.cpu_milli == 0

    def _quiet(self) -> bool:
        busy = any(agent.executing or agent.unrecorded for agent in self.agents.values())
        return not busy and all(attempt.ended for attempt in self.attempts.values()) and not self.pool.why()


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
