"""One simulation: builds the processes, lets things go wrong, then right, and checks what is left."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from random import Random
from typing import Any

from penstock_action_service.pool.core import Pool
from penstock_action_service.pool.effects import Granted
from penstock_dependency_manager import recent
from penstock_plan.graph import PlanGraph
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_stream import follower, position

from tests.dags import graph_of, random_plan

from . import faults, invariants
from .calls import Calls
from .client import Client
from .database import Database
from .faults import FAULTS_FOR_S, Faults
from .invariants import Execution, Violation, demand
from .manager import Manager
from .pool import PoolProcess
from .process import Process
from .stream import SimulatedStream
from .tracker import Tracker
from .virtual_time import VirtualLoop
from .worker import WorkerProcess

# After the last fault: a lease, the longest back-off, the longest action several times, and some more.
ENDS_WITHIN_S = 600.0
LOOK_EVERY_S = 0.5
RUNS_MAX = 4
NODES_MAX = 12
TRACE_KEPT = 60
# Bounds that are rarely met, and for some seeds are met all the time.
SMALL_BOUNDS = (
    (recent, "KEPT_INSTRUCTIONS_MAX", 6),
    (follower, "RANGE_MAX", 4),
    (position, "BUFFERED_MESSAGES_MAX", 2),
)
HEALED = Faults(**{name: 0 for name in Faults.__dataclass_fields__})


class World:
    """Everything that one seed decides."""

    def __init__(self, seed: int, *, trace: bool = False) -> None:
        self.seed = seed
        self.dice = Random(seed)
        self.loop = VirtualLoop()
        self.trace: deque[str] = deque(maxlen=None if trace else TRACE_KEPT)
        self.steps = 0
        self.failure: BaseException | None = None
        self.faults = faults.draw(self.dice)
        self.was_quiet = self.faults.quiet
        self.shards = self.dice.choice((1, 2, 4))
        self.database = Database(self, self.shards)
        self.stream = SimulatedStream(self)
        self.calls = Calls(self)
        self.plans: dict[bytes, PlanGraph] = {}
        self.executions: list[Execution] = []
        self.grants: dict[int, Granted] = {}
        self.decided_at: dict[int, float] = {}  # by the event's identity
        self.tasks: set[asyncio.Task[Any]] = set()
        self.trackers = [Tracker(self, "tracker-a"), Tracker(self, "tracker-b")]
        self.managers = [Manager(self, f"manager-{n}") for n in "ab"[: self.dice.choice((1, 1, 2))]]
        self.pool = PoolProcess(self)
        self.workers = [
            WorkerProcess(self, f"w{n}", self.dice.choice((2, 2, 4))) for n in range(self.dice.randint(1, 3))
        ]
        self.client = Client(self)

    @property
    def now(self) -> float:
        return self.loop.now

    def run(self) -> None:
        """Simulate to the end. Raises Violation, whose text has the line that repeats it, and the last steps."""
        logging.disable(logging.CRITICAL)
        asyncio.set_event_loop(self.loop)
        try:
            with bounds_drawn(self.dice):
                self.loop.run_until_complete(self._live())
        except Exception as error:
            raise Violation(self._story(error)) from error
        finally:
            self._close()
            logging.disable(logging.NOTSET)

    # What the processes use

    def note(self, who: str, what: str) -> None:
        self.trace.append(f"{self.now:9.4f} {who:10} {what}")

    def fail(self, what: str, error: BaseException) -> None:
        """Remember what must never happen; the simulation ends with it."""
        if self.failure is None:
            self.note("failure", what)
            self.failure = error

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def crashes_here(self) -> bool:
        return self.faults.crash_at_step > 0 and self.dice.random() < self.faults.crash_at_step

    def owner(self, shard: int) -> Tracker:
        return next(tracker for tracker in self.trackers if tracker.name == self.database.heads[shard].owner)

    def other(self, tracker: Tracker) -> Tracker:
        return self.trackers[tracker is self.trackers[0]]

    def granted(self, granted: Granted) -> None:
        self.grants[granted.grant] = granted

    def executes(self, worker: WorkerProcess, grant: Grant) -> None:
        """An operator is called: note with what, and check that there is room."""
        refs = self.grants[grant.grant].start.inputs
        given = {values.node: values.values for values in grant.inputs}
        inputs = [(ref.node, ref.seq, given.pop(ref.node)) for ref in refs]
        demand(not given, f"grant {grant.grant:x} carries values of {list(given)}, too")
        self.executions.append(
            Execution(grant.grant, worker.name, grant.run_id, grant.node, grant.attempt, inputs, self.now)
        )
        self.note(
            worker.name, f"executes run {grant.run_id[-1]} node {grant.node}.{grant.attempt} grant {grant.grant:x}"
        )
        used = sum(running.resources.cpu_milli or 1000 for running in worker.running.values())
        demand(
            used <= worker.capacity.cpu_milli, f"{worker.name} uses {used} of {worker.capacity.cpu_milli} milli-cores"
        )

    def check_pool(self, pool: Pool) -> None:
        for worker in pool.workers(self.now):
            demand(worker.used.cpu_milli <= worker.capacity.cpu_milli, f"{worker.worker} was granted more than it has")

    # The course of events

    async def _live(self) -> None:
        for shard in range(self.shards):
            self.database.heads[shard].owner = self.dice.choice(self.trackers).name
        for process in (*self.trackers, *self.managers, self.pool, *self.workers, self.client):
            process.start()
        heal_at = FAULTS_FOR_S * self.dice.random()
        for _ in range(self.dice.randint(1, RUNS_MAX)):
            graph = graph_of(random_plan(self.dice, NODES_MAX))
            self.plans[graph.hash] = graph
            begins_s = heal_at * self.dice.choice((0.0, 0.05, 0.9)) * self.dice.random()
            self.client.later(begins_s, self.client.run, graph.hash)
        self._expected_runs = len(self.plans)
        self._plan_faults()
        healed = False
        while not (healed and self._over()):
            await asyncio.sleep(LOOK_EVERY_S)
            if self.failure is not None:
                raise self.failure
            if not healed and self.now >= heal_at:
                self.note("world", "everything works from now on")
                self.faults, healed = HEALED, True
            if self.now > heal_at + ENDS_WITHIN_S:
                self._check_logs()
                raise Violation(f"not over after {self.now:.0f} s: {self._unfinished()}")
        self._check_logs()
        self._check_state()

    def _plan_faults(self) -> None:
        f, dice = self.faults, self.dice
        self._every(f.crash_tracker_s, lambda: dice.choice(self.trackers).crash())
        self._every(f.crash_manager_s, lambda: dice.choice(self.managers).crash())
        self._every(f.crash_pool_s, lambda: self.pool.crash())
        self._every(f.take_over_pool_s, self._take_over_pool)
        self._every(f.kill_worker_s, lambda: dice.choice(self.workers).crash())
        self._every(f.pause_s, self._pause)
        self._every(f.take_over_s, self._take_over)
        self._every(f.cut_link_s, self._cut_link)

    def _every(self, mean_s: float, fault: Any) -> None:
        if mean_s:
            self.loop.call_later(self.dice.expovariate(1 / mean_s), self._do_fault, mean_s, fault)

    def _do_fault(self, mean_s: float, fault: Any) -> None:
        if self.faults is not HEALED:
            fault()
            self._every(mean_s, fault)

    def _pause(self) -> None:
        process: Process = self.dice.choice([*self.workers, *self.trackers, *self.workers, self.pool])
        process.pause(self.dice.choice((0.05, 0.5, 2.0, 14.0)))

    def _take_over(self) -> None:
        """A State Tracker stands still for longer than its leases last: the other takes its shards."""
        self.dice.choice(self.trackers).pause(self.dice.choice((3.5, 6.0, 14.0)))

    def _take_over_pool(self) -> None:
        """Another Action Service takes the pool; the former owner notices late."""
        former, self.pool = self.pool, PoolProcess(self)
        former.pause(self.dice.choice((0.0, 2.0, 14.0)))
        former.later(2 * self.dice.random(), former.retire)
        self.pool.start()

    def _cut_link(self) -> None:
        link = self.dice.choice(self.workers).link
        if link is not None:
            link.cut()

    # The end

    def _over(self) -> bool:
        return not self._unfinished()

    def _unfinished(self) -> str:
        """What still has to happen, if anything."""
        if self.client.runs < self._expected_runs or len(self.client.submitted) < self.client.runs:
            return "not everything is submitted"
        open_runs = [run_id for tracker in self.trackers for core in tracker.cores.values() for run_id in core.runs]
        if open_runs or any(self.owner(shard).cores.get(shard) is None for shard in range(self.shards)):
            return f"open runs {[run_id[-1] for run_id in open_runs]}, {self._waits()}"
        heads = [head.seq for head in self.database.heads]
        if [self.owner(shard).cores[shard].seq for shard in range(self.shards)] != heads:
            return "not everything is committed"
        for process in (*self.managers, self.pool):
            if not process.up or process.follower.ends() != heads:
                return f"{process.name} is behind"
        held = [(worker.name, grant.grant) for worker in self.workers for grant in worker.core.holds()]
        if held:
            return f"workers still hold {held}"
        summary = self.pool.host.core.summary()
        if summary.queued or summary.granted or summary.delayed:
            return f"the pool still holds {summary}"
        return ""

    def _waits(self) -> list[str]:
        if not self.pool.up:
            return ["the pool is down"]
        run_ids = {run_id: None for tracker in self.trackers for core in tracker.cores.values() for run_id in core.runs}
        return [line.text for run_id in run_ids for line in self.pool.host.core.why(run_id, self.now)]

    def _check_logs(self) -> dict[bytes, invariants.RunOfLog]:
        runs = invariants.check_logs(self.database.logs, self.plans)
        invariants.check_answers(runs, self.client.submitted, self.client.cancelled)
        invariants.check_executions(self.executions, self.database.logs, runs, self.shards)
        return runs

    def _check_state(self) -> None:
        runs = self._check_logs()
        invariants.check_ended(runs)
        if self.was_quiet:
            invariants.check_prompt(runs, self.executions)
        for shard, log in enumerate(self.database.logs):
            invariants.check_fold(log, self.plans, self.owner(shard).cores[shard])
            for manager in self.managers:
                demand(not manager.unlocker.graphs[shard].runs, f"shard {shard}: {manager.name} keeps ended runs")

    def _story(self, error: BaseException) -> str:
        lines = "\n".join(self.trace)
        again = f"python -m tests.simulation --seed {self.seed} --trace"
        return f"{type(error).__name__}: {error}\n{lines}\n{again}"

    def _close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        asyncio.set_event_loop(None)


@contextmanager
def bounds_drawn(dice: Random) -> Generator[None]:
    """Make some bounds small for as long as the simulation lasts."""
    former = [(module, name, getattr(module, name)) for module, name, _ in SMALL_BOUNDS]
    for module, name, small in SMALL_BOUNDS:
        if dice.random() < 0.25:
            setattr(module, name, small)
    try:
        yield
    finally:
        for module, name, value in former:
            setattr(module, name, value)


def simulate(seed: int, *, trace: bool = False) -> World:
    """Run one seed; raises Violation."""
    world = World(seed, trace=trace)
    world.run()
    return world
