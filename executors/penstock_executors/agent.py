"""The worker: drives the core by orders, results and one timer, and carries out what it decides."""

import asyncio
import contextlib
import logging
import math
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping
from importlib.metadata import version
from pathlib import Path

from penstock_proto.action_service.v1 import worker_pb2
from penstock_proto.action_service.v1.worker_pb2 import Grant, Register
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import failure_log, measures, reports
from .core import Core, Orders
from .executor import Artifacts, Context, Executor, Output, Stage
from .grants import without_inputs
from .intake import Intake, ReadValues
from .scratch import EndedRuns, ScratchFolders
from .slots import Need

GRACE_S = 5.0  # between asking an action to end and ending it by force
LINGER_REPORTS_MAX = 64
SLOTS_A_CORE_MAX = 16  # actions that declare less than a core
LOOK_S = 1.0  # between two looks for actions that no process has
RETRY_S = 0.1  # before an order to the executor that failed is repeated
CLOSE_S = 30.0  # for the executor to end everything
VERSION = version("penstock-executors")  # read once: a worker without descriptors must be able to register again
log = logging.getLogger(__name__)


class Agent:
    """One worker. Its link to the Action Service: `on_orders` in, `send_reports` out, `register` whenever it is new."""

    def __init__(
        self,
        *,
        worker: str,
        executor: Executor,
        store: Artifacts,
        plan: Callable[[bytes], Awaitable[bytes]],
        read_values: ReadValues,
        send_reports: Callable[[list[Report]], None],
        output: Output,
        ended_runs: EndedRuns,
        scratch: Path,
        pool: str = "default",
        grace_s: float = GRACE_S,
        store_address: str = "",
        token_file: str = "",
        labels: Mapping[str, str] | None = None,
        linger_s: float = 0.0,
    ) -> None:
        """Connect the parts.

        Args:
            read_values: Returns what is recorded at positions of a shard's log.
            output: Takes what operators print and say.
            ended_runs: Returns those of some runs that have ended or do not exist.
            scratch: A folder of this worker's own.
            linger_s: That reports wait for others at most, while every process has more to do anyway.
        """
        self.worker, self.pool = worker, pool
        self._executor = executor
        kept = scratch / "runs"
        self._context = Context(worker, scratch, kept, store, plan, self._on_reports, output, store_address, token_file)
        self._scratch = ScratchFolders(kept, store, ended_runs)
        self._send_reports = send_reports
        self._grace_s = grace_s
        self._linger_s = linger_s
        self._incarnation = uuid.uuid4().hex
        self._capacity = executor.capacity()
        self._capacity.labels.update(labels or {})
        need = Need(self._capacity.cpu_milli, self._capacity.gpu, self._capacity.memory_bytes)
        slots_max = SLOTS_A_CORE_MAX * max(1, -(-need.cpu_milli // 1000))
        self._core = Core(worker, need, slots_max, executor.ahead_max)
        self._intake = Intake(worker, scratch / "inputs", read_values, self._on_taken_in, self._on_not_taken_in)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._reporting: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._missing: set[int] = set()  # grants that the executor did not have at the last look
        self._is_open = False
        self._unregister: Callable[[], None] | None = None

    async def open(self) -> None:
        """Make the executor ready; `on_orders` may be called from now on, on this event loop."""
        self._loop = asyncio.get_running_loop()
        self._context.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)  # code, and what operators print
        self._intake.open()
        self._scratch.open()
        await self._executor.open(self._context)
        self._unregister = measures.register(self._core, lambda: self._scratch.size_bytes)
        self._is_open = True
        self._looking = self._loop.call_later(LOOK_S, self._look)

    @property
    def holds_any(self) -> bool:
        """Whether anything waits, runs, or is not recorded yet."""
        return bool(self._core.holds() or self._intake.grants())

    async def close(self) -> None:
        """End everything that runs; what was not recorded is the log's to find lost."""
        self._is_open = False
        for timer in (self._timer, self._reporting, self._looking):
            if timer is not None:
                timer.cancel()
        if self._unregister is not None:
            self._unregister()
        try:
            await asyncio.wait_for(self._intake.close(), CLOSE_S)
            await asyncio.wait_for(self._scratch.close(), CLOSE_S)
            await asyncio.wait_for(self._executor.close(), CLOSE_S)
        except Exception:
            log.exception("the executor did not close cleanly")

    def register(self) -> Register:
        """First message of each new link: who this is and what it holds. `resend` comes after it."""
        return Register(
            worker=self.worker,
            incarnation=self._incarnation,
            pool=self.pool,
            capacity=self._capacity,
            version=VERSION,
            executor=self._executor.name,
            held=[without_inputs(grant) for grant in (*self._core.holds(), *self._intake.grants())],
            host=f"{socket.gethostname()}:{os.getpid()}",
        )

    def resend(self) -> None:
        """Report again what the other side of a new link may not have."""
        self._core.resend(self._loop.time())
        self._act()

    def on_orders(self, orders: Orders) -> None:
        """Carry out orders: recorded, stop, grants."""
        if not self._is_open:
            return
        for number in (*orders.stop, *orders.recorded) if self._intake.is_busy else ():
            self._intake.stop(number, "stopped on request")
        self._scratch.note_recorded(orders.recorded)
        grants = self._intake.take(orders.grants)
        if len(grants) < len(orders.grants):
            orders = worker_pb2.Orders(recorded=orders.recorded, stop=orders.stop, grants=grants)
        self._core.orders(orders, self._loop.time())
        self._act()

    def _on_taken_in(self, grant: Grant) -> None:
        """Its inputs are on the disk."""
        self.on_orders(worker_pb2.Orders(grants=[grant]))

    def _on_not_taken_in(self, grant: Grant, report: Report) -> None:
        """It ends before it came to a process."""
        failure_log.log_failed([report])
        self._core.end_unheld(grant, report, self._loop.time())
        self._act()

    def _on_reports(self, ended: list[Report]) -> None:
        failed = [report for report in ended if report.HasField("failed")]
        measures.count_ended(len(ended) - len(failed), len(failed))
        failure_log.log_failed(failed)
        self._scratch.note_ended(ended)
        for report in ended:
            self._intake.forget(report.grant)
        self._core.take_ended(ended, self._loop.time())
        if self._is_open:
            self._act()

    def _tick(self) -> None:
        self._timer, self._timer_at = None, math.inf
        with _log_errors("reading results"):
            self._executor.collect()  # what has ended meanwhile is not late
        self._core.tick(self._loop.time())
        self._act()

    def _act(self) -> None:
        """Carry out what the core decides; what the executor does not have, since it raised, is reported as failed."""
        core = self._core
        while core.asks:
            slot = core.asks.pop()
            stage = Stage(0.0, "the worker does not know")
            with _log_errors("asking how far an action is"):
                stage = self._executor.stage(slot)
            core.judge_stage(slot, stage.called_s, stage.doing, self._loop.time())
        while core.take_back:
            slot = core.take_back.pop()
            try:
                back = self._executor.take_back(slot, core.takes_first(slot))
            except Exception:
                log.exception("cannot take actions back, retrying")
                self._loop.call_later(RETRY_S, self._take_back, slot)
            else:
                core.apply_taken_back(slot, back, self._loop.time())
        if core.kills:
            kills, core.kills = core.kills, []
            self._kill(kills)
        if core.starts:
            starts, slots = core.starts, core.start_slots
            core.starts, core.start_slots = [], []
            self._start(starts, slots)
        if core.outbox:
            self._report()
        if core.due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(core.due, self._tick)
            self._timer_at = core.due

    def _take_back(self, slot: int) -> None:
        if self._is_open:
            self._core.take_back.append(slot)
            self._act()

    def _start(self, starts: list[Grant], slots: list[int]) -> None:
        try:
            self._executor.start(starts, slots)
        except Exception as error:
            log.exception("cannot start actions; reporting those without a process as failed")
            self._loop.call_soon(self._give_up, starts, f"the worker could not start it: {error}", True)

    def _kill(self, kills: list[int]) -> None:
        try:
            self._executor.stop(kills, self._grace_s)
        except Exception:
            log.exception("cannot stop actions, retrying")
            if self._is_open:
                self._loop.call_later(RETRY_S, self._kill, kills)

    def _look(self) -> None:
        """Once a second: an action that no process has, at two looks, has been lost between the two bookkeepings."""
        self._looking = self._loop.call_later(LOOK_S, self._look)
        held = self._executor.held()
        missing = [grant for grant in self._core.placed() if grant.grant not in held]
        before, self._missing = self._missing, {grant.grant for grant in missing}
        if lost := [grant for grant in missing if grant.grant in before]:
            log.error("%d actions were in slots without a process", len(lost))
            self._give_up(lost, "the worker lost the action", returned=False)

    def _give_up(self, grants: list[Grant], message: str, returned: bool) -> None:
        """Report that these failed, of those without a process; `returned`: they did not begin, and are given back."""
        held = self._executor.held()
        lost = [grant for grant in grants if grant.grant not in held]
        if lost:
            cause, kind = Cause.CAUSE_WORKER, "NotStarted"
            failed = [reports.failed(each, self.worker, cause, kind, message, returned=returned) for each in lost]
            self._on_reports(failed)

    def _report(self) -> None:
        """Say what has ended: at once if some process may wait for what follows, else with what ends soon after."""
        core = self._core
        if self._linger_s and len(core.outbox) < LINGER_REPORTS_MAX and core.is_busy:
            if self._reporting is None:
                self._reporting = self._loop.call_later(self._linger_s, self._report_now)
        else:
            self._report_now()

    def _report_now(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()
            self._reporting = None
        if outbox := self._core.take_outbox():
            self._send_reports(outbox)


@contextlib.contextmanager
def _log_errors(step: str) -> Generator[None]:
    """Go on whatever is raised."""
    try:
        yield
    except Exception:
        log.exception("%s failed", step)
