"""A pool driven by hand, and what tests need to say to it."""

from __future__ import annotations

from collections.abc import Sequence

from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.effects import Effect, Granted, Learnt, Publish, Resend, ToWorker
from penstock_proto.action_service.v1.worker_pb2 import Grant, Register
from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch, Instruction, Recorded, Start, Stop
from penstock_proto.plan.v1.plan_pb2 import NODE_KIND_TASK, Resources
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_CANCELLED, CAUSE_PREEMPTED, CAUSE_USER, Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Failed, Report, Started, Succeeded

LEASE_S = 10.0
RUN = b"r" * 16


def start(node: int = 0, attempt: int = 1, run_id: bytes = RUN, cpus: float = 1, **fields: object) -> Start:
    made = Start(run_id=run_id, node=node, attempt=attempt, kind=NODE_KIND_TASK, team="a", pool="default")
    made.operator = "m:f"
    made.resources.cpu_milli = int(cpus * 1000)
    for name, value in fields.items():
        if name in ("gpu", "memory_bytes"):
            setattr(made.resources, name, value)
        else:
            setattr(made, name, value)
    return made


def succeeded(granted: Granted, worker: str = "w", duration_s: float = 1.0) -> Report:
    return _report(granted, worker, succeeded=Succeeded(duration_us=int(duration_s * 1e6)))


def failed(granted: Granted, worker: str = "w", cause: Cause = CAUSE_USER) -> Report:
    return _report(granted, worker, failed=Failed(cause=cause))


def returned(granted: Granted, worker: str = "w") -> Report:
    report = failed(granted, worker, CAUSE_PREEMPTED)
    report.failed.returned = True
    report.failed.failure.message = "the plan could not be fetched"
    return report


def cancelled(granted: Granted, worker: str = "w") -> Report:
    return failed(granted, worker, CAUSE_CANCELLED)


def started(granted: Granted, worker: str = "w") -> Report:
    return _report(granted, worker, started=Started())


def _report(granted: Granted, worker: str, **kind: object) -> Report:
    begun = granted.start
    report = Report(run_id=begun.run_id, node=begun.node, attempt=begun.attempt, grant=granted.grant, worker=worker)
    for name, body in kind.items():
        getattr(report, name).CopyFrom(body)
        getattr(report, name).SetInParent()
    return report


def held(granted: Granted) -> Grant:
    """What a worker says of a grant when it registers."""
    begun = granted.start
    return Grant(
        grant=granted.grant,
        run_id=begun.run_id,
        node=begun.node,
        attempt=begun.attempt,
        resources=begun.resources,
        operator=begun.operator,
        team=begun.team,
    )


class Driven:
    """A pool, its time, the log it follows, and the effects since the last look."""

    def __init__(self, epoch: int = 1, caught_up: bool = True, **options: object) -> None:
        self.core = Pool("default", epoch, lease_s=LEASE_S, **options)  # type: ignore[arg-type]
        self.now = 100.0
        self.seq = 0
        self.effects: list[Effect] = []
        if caught_up:
            self.core.note_caught_up(self.now)

    # In

    def say(self, *messages: Start | Stop | Recorded, shard: int = 0) -> None:
        """Let the log cause these instructions, in one batch."""
        batch = ActionBatch(shard=shard, epoch=1, from_seq=self.seq, to_seq=self.seq + 1)
        self.seq += 1
        for message in messages:
            name = type(message).__name__.lower()
            batch.instructions.append(Instruction(**{name: message}))
        self.core.actions(batch, self.now)

    def stop(self, node: int = 0, attempt: int = 1) -> None:
        self.say(Stop(run_id=RUN, node=node, attempt=attempt))

    def record(self, granted: Granted, grant: int | None = None) -> None:
        begun = granted.start
        self.say(
            Recorded(
                run_id=begun.run_id,
                node=begun.node,
                attempt=begun.attempt,
                grant=granted.grant if grant is None else grant,
                seq=self.seq,
            )
        )

    def snapshot(self, *starts: Start, shard: int = 0) -> None:
        self.core.snapshot(shard, self.seq, starts, self.now)

    def worker(
        self,
        name: str = "w",
        cpus: float = 2,
        held: Sequence[Grant] = (),
        incarnation: str = "1",
        labels: dict[str, str] | None = None,
        **resources: int,
    ) -> None:
        capacity = Resources(cpu_milli=int(cpus * 1000), labels=labels or {}, **resources)
        self.core.register(
            Register(worker=name, incarnation=incarnation, capacity=capacity, held=held, pool="default"), self.now
        )

    def reports(self, *reports: Report) -> None:
        for report in reports:
            self.core.reports(report.worker, [report], self.now)

    def tick(self, after_s: float = 0.05) -> None:
        self.now += after_s
        self.core.tick(self.now)

    def keep_alive(self, after_s: float, *workers: str) -> None:
        """Let time pass, with heartbeats."""
        for name in workers:
            self.core.heartbeat(name, self.now + after_s)
        self.tick(after_s)

    # Out

    def take(self) -> list[Effect]:
        self.effects = self.core.decide(self.now)
        return self.effects

    def granted(self, worker: str | None = None) -> list[Granted]:
        """Take the effects and return the grants among them."""
        return [granted for order in self._orders(self.take(), worker) for granted in order.grants]

    def told(self, what: str, worker: str | None = None) -> list[int]:
        """Return the grants that the effects last taken settle ("recorded") or "stop"."""
        return [grant for order in self._orders(self.effects, worker) for grant in getattr(order, what)]

    def published(self) -> list[Report]:
        return [report for effect in self.effects if isinstance(effect, Publish) for report in effect.reports]

    def resent(self) -> list[Report]:
        return [report for effect in self.effects if isinstance(effect, Resend) for report in effect.reports]

    def learnt(self) -> list[Learnt]:
        return [effect for effect in self.effects if isinstance(effect, Learnt)]

    def nodes(self, worker: str | None = None) -> list[int]:
        return [granted.start.node for granted in self.granted(worker)]

    def why(self, run_id: bytes = RUN) -> list[str]:
        return [line.text for line in self.core.why(run_id, self.now)]

    def nodes_open(self) -> list[int]:
        """Return the nodes whose attempts the pool keeps."""
        return [line.node for line in self.core.why(RUN, self.now)]

    @staticmethod
    def _orders(effects: Sequence[Effect], worker: str | None) -> list[ToWorker]:
        return [e for e in effects if isinstance(e, ToWorker) and worker in (None, e.worker)]
