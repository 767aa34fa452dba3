"""One simulation: builds the processes, lets things go wrong, then right, and checks what is left."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from penstock_plan.graph import PlanGraph
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.wire import shard_of
from penstock_state_tracker.log.shard_state import Owned

from tests.dags import graph_of, random_plan, with_waits

from . import children, ends, faults, invariants, repairs, seams, waits
from .client import Client
from .faults import FAULTS_FOR_S, Faults
from .invariants import Execution, Violation, demand
from .network import Network
from .postgres import Postgres
from .process import Process
from .programs import Programs
from .services import ManagerProcess, PoolProcess, TrackerProcess
from .stream import SimulatedStream
from .tables import EPOCH_US, Tables
from .virtual_time import STARTS_AT_S, VirtualLoop
from .worker import WorkerProcess

# After the last fault: a lease, the longest back-off, the longest action several times, and some more.
ENDS_WITHIN_S = 300.0
LOOK_EVERY_S = 0.5
RUNS_MAX = 4
NODES_MAX = 12
TRACE_KEPT = 60
# Of all seeds, those whose plans wait; and by how much the database's clock may be set.
WORLDS_THAT_WAIT = 0.4
WORLDS_THAT_GROW = 0.5
WORLDS_THAT_REPAIR = 0.4
WORLDS_WITH_CHILDREN = 0.3
WORLDS_WITH_ENDS = 0.3
JUMPS_S = (-15.0, -1.0, 2.0, 20.0)
MEMORY_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
FORMERS_LIVE_S = (2.0, 10.0, 30.0)  # once another has taken their place
CLOSING_TURNS_MAX = 100
HEALED = Faults(**{name: 0 for name in Faults.__dataclass_fields__} | {"profile": faults.QUIET})  # type: ignore[arg-type]
# What has been executing for so long is in the log, by and by.
KNOWN_WITHIN_S = 40.0


class World:
    """Everything that one seed decides."""

    def __init__(self, seed: int, *, trace: bool = False, forced: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Draw everything but the faults that are `forced`."""
        self.seed = seed
        self.dice = Random(seed)
        self.loop = VirtualLoop()
        self.trace: deque[str] = deque(maxlen=None if trace else TRACE_KEPT)
        self.steps = 0
        self.machines = 0  # of workers, so far
        self.failure: BaseException | None = None
        self.is_closing = False
        self.waits_dice = Random(f"waits of {seed}")  # the others draw as if it were not there
        waits = float(self.waits_dice.random() < WORLDS_THAT_WAIT)
        self.growth_dice = Random(f"growth of {seed}")
        self.repairs_dice = Random(f"repairs of {seed}")
        grows = float(self.growth_dice.random() < WORLDS_THAT_GROW)
        repairs = float(self.repairs_dice.random() < WORLDS_THAT_REPAIR)
        self.children_dice = Random(f"children of {seed}")
        children = float(self.children_dice.random() < WORLDS_WITH_CHILDREN)
        ends = float(self.children_dice.random() < WORLDS_WITH_ENDS)
        apart = {"waits": waits, "grows": grows, "repairs": repairs, "children": children, "ends": ends}
        self.faults = self.drawn = replace(faults.draw(self.dice), **(apart | dict(forced)))
        self.clock_ahead_s = self.jumped_s = 0.0  # of the database's clock: now, and all jumps together
        self.shards = self.dice.choice((1, 2, 4))
        # Callbacks of lives that have ended: without them, what waits for them would be closed at any moment.
        self.dropped: list[asyncio.Handle] = []
        self.tables = Tables(self, self.shards)
        self.postgres = Postgres(self, self.tables)
        self.network = Network(self)
        self.stream = SimulatedStream(self)
        self.plans: dict[bytes, PlanGraph] = {}
        self.runs_planned = 0
        self.executions: list[Execution] = []
        self.decided_at: dict[tuple[int, int, int], float] = {}  # by shard, epoch and position
        self.trackers = [TrackerProcess(self, f"tracker-{n}", f"tracker-{n}") for n in "ab"]
        self.managers = [ManagerProcess(self, f"manager-{n}") for n in "ab"[: self.dice.choice((1, 1, 2))]]
        self.pools = [PoolProcess(self, f"pool-{n}") for n in "ab"]
        self.workers = [
            WorkerProcess(self, f"w{n}", self.dice.choice((2, 2, 4))) for n in range(self.dice.randint(1, 3))
        ]
        self.former: list[Process] = []  # whose place another has taken while they live
        self.client = Client(self, "client")
        self.pool_address = "pools"  # behind which any of them may answer
        self.tracker_addresses = [tracker.address for tracker in self.trackers]

    @property
    def now(self) -> float:
        return self.loop.now

    def run(self) -> None:
        """Simulate to the end. Raises Violation, whose text has the line that repeats it, and the last steps."""
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._unforeseen)
        try:
            with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as folder, seams.installed(self):
                self.folder = Path(folder)
                try:
                    self.loop.run_until_complete(self._live())
                finally:
                    self._close()
        except Exception as error:
            raise Violation(self._story(error)) from error
        finally:
            self.loop.close()
            asyncio.set_event_loop(None)

    # What the processes use

    def note(self, who: str, what: str) -> None:
        self.trace.append(f"{self.now - STARTS_AT_S:9.4f} {who:10} {what}")

    def fail(self, what: str, error: BaseException) -> None:
        """Remember what must never happen; the simulation ends with it."""
        if self.failure is None:
            self.note("failure", what)
            self.failure = error

    def crashes_here(self) -> bool:
        return self.faults.crash_at_step > 0 and self.dice.random() < self.faults.crash_at_step

    def crashes_between(self) -> bool:
        """Like `crashes_here`, for the many small steps of the event loop."""
        return self.faults.crash_at_step > 0 and self.dice.random() < self.faults.crash_at_step / 20

    def executes(
        self, worker: str, capacity: Resources, grant: Grant, running: Mapping[int, tuple[Grant, float]]
    ) -> None:
        """An operator is called: note with what, and check that there is room."""
        inputs = [(values.node, values.values) for values in grant.inputs]
        at_s = self.now
        self.executions.append(Execution(grant.grant, worker, grant.run_id, grant.node, grant.attempt, inputs, at_s))
        self.note(worker, f"executes run {grant.run_id[-1]} node {grant.node}.{grant.attempt} grant {grant.grant:x}")
        used = sum(one.resources.cpu_milli or 1000 for one, _ in running.values())
        demand(used <= capacity.cpu_milli, f"{worker} uses {used} of {capacity.cpu_milli} milli-cores")

    # The course of events

    async def _live(self) -> None:
        for process in self._processes():
            process.start()
        heal_at = self.heals_at = self.now + FAULTS_FOR_S * self.dice.random()
        for _ in range(self.dice.randint(1, RUNS_MAX)):
            plans = [plan.SerializeToString(deterministic=True) for plan in self._drawn_plans()]
            for data in plans:
                graph = graph_of(plan_pb2.Plan.FromString(data))
                self.plans[graph.hash] = graph
            begins_s = (heal_at - self.now) * self.dice.choice((0.0, 0.05, 0.9)) * self.dice.random()
            self.runs_planned += 1
            self.client.life.later(begins_s, self.client.run, plans)
        self._plan_faults()
        healed = False
        while not (healed and not self._unfinished()):
            await asyncio.sleep(LOOK_EVERY_S)
            self._look()
            if not healed and self.now >= heal_at:
                self._heal()
                healed = True
            if self.now > heal_at + ENDS_WITHIN_S:
                self._check_logs()
                raise Violation(f"not over after {self.now - STARTS_AT_S:.0f} s: {self._unfinished()}")
        await self._check_state()

    def _drawn_plans(self) -> list[plan_pb2.Plan]:
        """Draw a plan; those of its child runs come first."""
        plan, drawn = random_plan(self.dice, NODES_MAX), self.drawn
        if drawn.children or drawn.ends or (drawn.grows and self.growth_dice.random() < 0.8):
            dice = self.children_dice if drawn.children or drawn.ends else self.growth_dice
            programs = Programs(dice, waits=bool(drawn.waits), children=bool(drawn.children), ends=bool(drawn.ends))
            compiled = programs.compiled()
            return [*(child.plan for child in compiled.children), compiled.plan]
        return [with_waits(plan, self.waits_dice, self.tables.now_us) if drawn.waits else plan]

    def _processes(self) -> Iterator[Process]:
        yield from (*self.trackers, *self.managers, *self.pools, *self.workers, *self.former, self.client)

    def _look(self) -> None:
        if self.failure is not None:
            raise self.failure
        invariants.check_ends(self.tables.runs, self.tables.ended)
        for shard in range(self.shards):
            trackers = [one for one in (*self.trackers, *self.former) if isinstance(one, TrackerProcess)]
            speakers = [one.name for one in trackers if shard in one.owned and one.owned[shard].is_valid]
            demand(len(speakers) <= 1, f"{' and '.join(speakers)} may speak for shard {shard} at the same time")
        for pool in self.pools:
            for worker in pool.host.core.workers(self.now) if pool.host is not None else ():
                demand(
                    worker.used.cpu_milli <= worker.capacity.cpu_milli, f"{worker.worker} was granted more than it has"
                )

        if self.now > self.heals_at + KNOWN_WITHIN_S:
            for worker in self.workers:
                for grant, since in worker.executing():
                    if self.now - since > KNOWN_WITHIN_S:
                        log = self.tables.logs[shard_of(grant.run_id, self.shards)]
                        invariants.check_running(log, grant.run_id, grant.grant)

    def _heal(self) -> None:
        self.note("world", "everything works from now on")
        self.faults = HEALED

    def _plan_faults(self) -> None:
        f, dice = self.faults, self.dice
        self._every(f.crash_tracker_s, lambda: dice.choice(self.trackers).crash())
        self._every(f.crash_manager_s, lambda: dice.choice(self.managers).crash())
        self._every(f.crash_pool_s, lambda: dice.choice(self.pools).crash())
        self._every(f.take_over_pool_s, lambda: dice.choice(self.pools).pause(dice.choice((3.5, 6.0, 14.0))))
        self._every(f.take_over_s, lambda: dice.choice(self.trackers).pause(dice.choice((3.5, 6.0, 14.0))))
        self._every(f.kill_worker_s, lambda: dice.choice(self.workers).crash())
        self._every(f.pause_s, self._pause)
        self._every(f.replace_tracker_s, self._replace_tracker)
        self._every(f.twin_worker_s, self._start_twin)
        self._every(f.cut_link_s, lambda: dice.choice(self.workers).cut())
        if f.waits and f.profile == faults.ANYTHING:
            self.loop.call_later(self.waits_dice.random() * FAULTS_FOR_S, self._jump, context=Context())

    def _every(self, mean_s: float, fault: Callable[[], Any]) -> None:
        if mean_s:
            self.loop.call_later(self.dice.expovariate(1 / mean_s), self._do_fault, mean_s, fault, context=Context())

    def _do_fault(self, mean_s: float, fault: Callable[[], Any]) -> None:
        if self.faults is not HEALED:
            fault()
            self._every(mean_s, fault)

    def _jump(self) -> None:
        """Somebody sets the database's clock."""
        by_s = self.waits_dice.choice(JUMPS_S)
        self.clock_ahead_s += by_s
        self.jumped_s += abs(by_s)
        self.note("world", f"the database's clock jumps by {by_s} s")

    def _pause(self) -> None:
        process: Process = self.dice.choice([*self.workers, *self.trackers, *self.workers, *self.pools])
        process.pause(self.dice.choice((0.05, 0.5, 2.0, 14.0)))

    def _replace_tracker(self) -> None:
        """Somebody takes a State Tracker for dead and starts another in its place, under its name and address."""
        number = self.dice.randrange(len(self.trackers))
        former = self.trackers[number]
        successor = self.trackers[number] = TrackerProcess(self, former.name, former.address)
        former.pause(self.dice.choice((0.0, 5.0, 14.0)))
        self._outlive(former)
        successor.start()

    def _start_twin(self) -> None:
        """Somebody starts a worker under the name of another."""
        twin = WorkerProcess(self, self.dice.choice(self.workers).name, 2)
        self._outlive(twin)
        twin.start()

    def _outlive(self, process: Process) -> None:
        self.former.append(process)
        self.loop.call_later(self.dice.choice(FORMERS_LIVE_S), process.end_for_good, context=Context())

    # The end

    def owned(self, shard: int) -> Owned | None:
        """Return the memory of a shard's owner, if somebody owns it."""
        found = [owned for tracker in self.trackers if (owned := tracker.owned.get(shard)) is not None]
        return max(found, key=lambda owned: owned.epoch, default=None)

    def _unfinished(self) -> str:
        """What still has to happen, if anything."""
        if self.client.begun < self.runs_planned or self.client.busy:
            return "the client has more to do"
        if any(former.comes_back for former in self.former):
            return "former processes still live"
        owned = [self.owned(shard) for shard in range(self.shards)]
        if None in owned:
            return "some shards have no owner"
        open_runs = [run_id for one in owned if one is not None for run_id in one.core.runs]
        if open_runs:
            return f"open runs {[run_id[-1] for run_id in open_runs]}, {self._waits(open_runs)}"
        heads = [head.seq for head in self.tables.heads]
        if [one.core.seq for one in owned if one is not None] != heads:
            return "not everything is committed"
        hosts = [pool.host for pool in self.pools if pool.host is not None]
        if len(hosts) != 1:
            return f"{len(hosts)} Action Services own the pool"
        for follower in (*self.managers, *[pool for pool in self.pools if pool.host is not None]):
            if follower.positions() != heads:
                return f"{follower.name} is behind"
        held = [(worker.name, grant.grant) for worker in self.workers for grant in worker.holds()]
        if held:
            return f"workers still hold {held}"
        summary = hosts[0].core.summary()
        if summary.queued or summary.granted or summary.delayed:
            return f"the pool still holds {summary}"
        return ""

    def _waits(self, run_ids: list[bytes]) -> list[str]:
        hosts = [pool.host for pool in self.pools if pool.host is not None]
        return [line.text for host in hosts for run_id in run_ids for line in host.core.why(run_id, self.now)]

    def _check_logs(self) -> dict[bytes, invariants.RunOfLog]:
        runs = invariants.check_logs(self.tables.logs, self.plans)
        for log, commits in zip(self.tables.logs, self.tables.commits, strict=True):
            invariants.check_commits(log, commits, self.plans)
        invariants.check_answers(runs, self.client.submitted, self.client.cancelled, self.client.signalled)
        waits.check_times(runs, EPOCH_US, self.jumped_s)
        invariants.check_executions(self.executions, self.tables.logs, runs, self.shards)
        repairs.check_kept(self.executions, runs)
        children.check(runs, self.tables.logs)
        ends.check_limits(self.executions, runs)
        known_s = 0.0 if self.drawn.profile == faults.QUIET else self.heals_at + KNOWN_WITHIN_S
        repairs.check_pauses(self.executions, runs, known_s)
        return runs

    async def _check_state(self) -> None:
        runs = self._check_logs()
        invariants.check_ended(runs)
        if self.drawn.profile == faults.QUIET:
            invariants.check_prompt(runs, self.executions)
            waits.check_prompt(runs, EPOCH_US)
            repairs.check_kept_well(self.executions, runs)
            children.check_prompt(runs)
        if self.drawn.profile in (faults.QUIET, faults.WORKERS_ARE_WELL):
            invariants.check_not_lost(self.tables.logs)
            invariants.check_once(self.executions)
        for shard, log in enumerate(self.tables.logs):
            owned = self.owned(shard)
            assert owned is not None
            invariants.check_fold(log, self.plans, owned.core)
            for manager in self.managers:
                graphs = manager.product._unlocker.graphs if manager.product is not None else {}
                demand(shard in graphs and not graphs[shard].runs, f"shard {shard}: {manager.name} keeps ended runs")
        answers = self.loop.create_task(self.client.states(), context=self.client.life.context)
        invariants.check_table(runs, self.tables.runs, await answers)

    def _unforeseen(self, _: Any, context: dict[str, Any]) -> None:
        """An error in a callback, which nobody handles."""
        error = context.get("exception")
        if isinstance(error, Exception) and "handle" in context and not self.is_closing:
            self.fail(f"{context['message']}: {error!r}", error)

    def _story(self, error: BaseException) -> str:
        lines = "\n".join(self.trace)
        again = f"PYTHONHASHSEED=0 python -m tests.simulation --seed {self.seed} --trace"
        return f"{type(error).__name__}: {error}\n{lines}\n{again}"

    def _close(self) -> None:
        """End all tasks while the seams are still in place, so that none of them ends in another simulation."""
        self.is_closing = True
        for process in self._processes():
            if process.up:
                process.end()
        self.loop.run_until_complete(self._cancelled())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    async def _cancelled(self) -> None:
        me = asyncio.current_task()
        for _ in range(CLOSING_TURNS_MAX):
            others = [task for task in asyncio.all_tasks(self.loop) if task is not me]
            if not others:
                return
            for task in others:
                task.cancel()
            self.loop.resume(self.dropped)  # among them the first steps of tasks
            self.dropped = []
            await asyncio.sleep(0)
