"""The process executor: operators run in warm processes, each of which serves one bundle and team for all its life."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from penstock_plan.limits import memory_limit
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.executors.v1.child_pb2 import FromChild
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import deaths, keeper_records, machine, measures, reports
from .channel import MESSAGE_BYTES_MAX
from .child_process import LINUX, Binding, ChildProcess, child_answer, setup_of
from .downloads import Prepared, Unavailable
from .executor import Context, Stage
from .given_secrets import SecretSource
from .keeper_link import KeeperLink
from .keeper_records import Record
from .slots import AHEAD_MAX
from .warm import LATELY_S, Warm, starting_process

BLANKS_MAX = 2  # processes that wait for their first bundle
READ_MAX = 64  # messages of one process read in one go
FOLLOW_S = 0.2  # between two looks at what runs and prints
QUIET_S = 1.0  # without work, before processes are started for later
START_S = 120.0  # for a process to be ready once it was told whom it serves
RETRY_S: Final = 0.1
CLOSE_S = 2.0  # for processes to end by themselves when the worker closes
GRACE_S = 5.0  # for what an operator leaves behind to end by itself
log = logging.getLogger(__name__)


class ProcessExecutor:
    """Executes each slot of the worker in a process of its own, for as long as the slot lasts."""

    name = "process"
    ahead_max = AHEAD_MAX if LINUX else 1

    def __init__(
        self, *, cpu_milli: int | None = None, memory_bytes: int | None = None, gpus: Sequence[str] | None = None
    ) -> None:
        """What is not given is what this machine has; `gpus` as CUDA_VISIBLE_DEVICES names them."""
        self._gpus = tuple(machine.visible_gpus() if gpus is None else gpus)
        self._capacity = machine.resources(cpu_milli, memory_bytes, len(self._gpus))
        self._warm = Warm(self._gpus, max(1, -(-self._capacity.cpu_milli // 1000)))
        self._children: dict[int, ChildProcess] = {}  # all that live, by number
        self._by_slot: dict[int, ChildProcess] = {}
        self._starting: set[ChildProcess] = set()  # told whom they serve, and not ready
        self._started = 0
        self._problem = ""  # why the last process could not be started
        self._is_closing = False
        self._all_gone = asyncio.Event()  # for `close`: no process is left
        self._follower: asyncio.TimerHandle | None = None
        self._cooler: asyncio.TimerHandle | None = None
        self._keeper: KeeperLink | None = None
        self._prepared: Prepared | None = None

    def capacity(self) -> Resources:
        """What this machine has, or what it was told to have."""
        return self._capacity

    async def open(self, context: Context) -> None:
        """Start the first processes, so that the first actions find them warm."""
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._folder = context.scratch / "processes"
        keeper = KeeperLink(self._folder, GRACE_S, self._on_record, self._on_keeper_lost)
        await keeper.open()
        self._keeper = keeper
        self._oom_kills = machine.oom_kills()
        self._prepared = Prepared(context, self._on_prepared)
        self._secrets = SecretSource(self._prepared.plans_folder)
        self._fill_up()

    async def close(self) -> None:
        """Let the processes end, then make them; whatever fails or hangs, it takes a few seconds."""
        self._is_closing = True
        for timer in (self._follower, self._cooler):
            if timer is not None:
                timer.cancel()
        if self._prepared is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._prepared.close(), CLOSE_S)
        keeper = self._keeper
        if keeper is None:
            return
        for child in self._children.values():
            if not child.is_idle:
                keeper.end(child.number, CLOSE_S)
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(child.channel.fd)
            child.channel.close()
        if self._children:
            self._all_gone.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), CLOSE_S)
        await keeper.close()
        for child in list(self._children.values()):
            self._forget(child)

    def adopt(self) -> list[Grant]:
        """Nothing: processes end with their worker."""
        return []

    def held(self) -> set[int]:
        """Grants that a process has, or had and is still to be reported."""
        children = self._children.values()
        return {each.grant for child in children for each in (*child.waiting, *child.sent, *child.finished)}

    def stage(self, slot: int) -> Stage:
        """How far the first action of a slot is."""
        return deaths.stage(self._by_slot.get(slot))

    def start(self, grants: Sequence[Grant], slots: Sequence[int]) -> None:
        """Hand each grant to the process of its slot."""
        touched: dict[int, ChildProcess] = {}
        for grant, slot in zip(grants, slots, strict=True):
            child = self._by_slot.get(slot) or self._assign(slot, grant)
            if child is None:
                continue
            child.waiting.append(grant)
            touched[child.number] = child
        for child in touched.values():
            self._guard(self._hand_over, child)
        if self._follower is None and self._by_slot:
            if self._keeper is not None:
                self._keeper.watch(True)
            self._follower = self._loop.call_later(FOLLOW_S, self._follow)

    def take_back(self, slot: int, first: bool) -> list[int]:
        """What the process has not read, nobody else will."""
        child = self._by_slot.get(slot)
        if child is None:
            return []
        back = child.take_back()
        if not first and child.is_idle and back:
            child.waiting.append(back.pop(0))
            self._guard(self._hand_over, child)
        if child.is_idle:
            self._guard(self._release, child)
        return [grant.grant for grant in back]

    def stop(self, grants: Sequence[int], grace_s: float) -> None:
        """End the processes that execute these grants, with all that they started."""
        wanted = set(grants)
        for child in self._by_slot.values():
            child.doomed.update((each.grant, grace_s) for each in child.sent if each.grant in wanted)
            self._stop_first(child)

    def _stop_first(self, child: ChildProcess) -> None:
        """End the process if what it executes now shall be stopped."""
        first = child.sent[0].grant if child.sent else 0
        if first in child.doomed and first not in child.killed_for:
            child.killed_for.add(first)
            self._end(child, child.doomed[first], ask=True)

    def collect(self) -> None:
        """Read what the processes have sent."""
        ended: list[Report] = []
        for child in list(self._by_slot.values()):
            self._guard(self._read, child, ended)
        if ended:
            self._context.report(ended)

    def _assign(self, slot: int, grant: Grant) -> ChildProcess | None:
        """An idle process that may serve it, or a blank one, or a new one."""
        warm = self._warm
        binding: Binding = (grant.bundle, grant.team, grant.resources.gpu)
        busy = {gpu for child in self._by_slot.values() for gpu in child.gpus}
        child = warm.take(binding, busy) or starting_process(self._children.values(), binding)
        if child is None:
            gpus, in_the_way = warm.free_gpus(grant.resources.gpu, busy)
            warm.note_used(len(self._by_slot) + 1)
            if len(self._children) - len(warm.blank) >= warm.count_max:
                in_the_way += [each for each in warm.others(binding)[:1] if each not in in_the_way]
            self._dismiss(in_the_way)
            child = warm.blank.pop(0) if warm.blank else self._spawn()
            if child is None:
                text = f"cannot start a process for operators: {self._problem}"
                self._refuse([grant], Cause.CAUSE_WORKER, "NoProcess", text, returned=True)
                return None
            child.binding, child.gpus = binding, gpus
        self._place(child, slot, grant)
        self._guard(self._set_up, child)
        return child

    def _place(self, child: ChildProcess, slot: int, grant: Grant) -> None:
        child.slot = slot
        self._by_slot[slot] = child
        self._warm.note_used(len(self._by_slot))
        child.page.limit(memory_limit(grant.resources))
        if not child.is_ready:
            self._starting.add(child)

    def _set_up(self, child: ChildProcess) -> None:
        """Tell the process whom it serves, once its bundle is on the disk."""
        if child.setup_at or child.binding is None or self._prepared is None:
            return
        folder = self._prepared.bundle(child.binding[0])
        if folder is None:
            return
        setup = setup_of(self._context, self._prepared.plans_folder, folder, GRACE_S)
        if self._gpus:
            setup.gpus = ",".join(child.gpus)
        if child.channel.send(setup.SerializeToString()):
            child.setup_at = time.monotonic()

    def _hand_over(self, child: ChildProcess) -> None:
        """Send what can be sent; the rest waits for the process, for its plan, or for room in the socket."""
        while child.waiting and not child.is_ending:
            grant = child.waiting[0]
            if self._prepared is None or not self._prepared.has_plan(grant.plan) or not child.is_ready:
                return
            message = self._secrets.message(grant, child)
            if message is None:
                return
            if len(message) > MESSAGE_BYTES_MAX:
                child.waiting.popleft()
                text = f"the values of its arguments have {len(message)} bytes, the limit is {MESSAGE_BYTES_MAX}"
                self._refuse([grant], Cause.CAUSE_WORKER, "TooLarge", text)
            elif child.channel.send(message):
                child.sent.append(child.waiting.popleft())
            else:
                return

    def _on_prepared(self, name: bytes, problem: Unavailable | None) -> None:
        for child in list(self._by_slot.values()):
            if problem is not None:
                lost = [grant for grant in child.waiting if name in (grant.plan, grant.bundle)]
                for grant in lost:
                    child.waiting.remove(grant)
                self._refuse(lost, problem.cause, "Unavailable", problem.message, returned=problem.returned)
                self._guard(self._release, child)
            else:
                self._guard(self._set_up, child)
                self._guard(self._hand_over, child)

    def _on_readable(self, child: ChildProcess) -> None:
        ended: list[Report] = []
        self._guard(self._read, child, ended)
        if ended:
            self._context.report(ended)
        if child.channel.is_ended:  # its keeper says when it is gone
            self._loop.remove_reader(child.channel.fd)

    def _read(self, child: ChildProcess, ended: list[Report]) -> None:
        for message in child.channel.receive(READ_MAX) if child.is_trusted else ():
            answer = child_answer(message)
            if answer is not None and answer.ready:
                self._on_ready(child)
            elif answer is None or not self._settle(child, answer, ended):
                child.is_trusted = False
                self._end(child)
                break
        if child.waiting:
            self._hand_over(child)
        self._release(child)

    def _on_ready(self, child: ChildProcess) -> None:
        child.is_ready = True
        self._starting.discard(child)
        if child.slot is None and not child.is_ending:  # another process has done its work meanwhile
            self._warm.idle.append(child)

    def _settle(self, child: ChildProcess, answer: FromChild, ended: list[Report]) -> bool:
        """Take a result; False if it is not one of the action that was handed over."""
        report = answer.report
        grant = child.sent[0] if child.sent else None
        if grant is None or report.grant != grant.grant or report.run_id != grant.run_id or report.node != grant.node:
            return False
        if child.killed_for and grant.grant not in child.killed_for and deaths.was_stopped(report):
            return True  # it was told to stop for the one before, which had just ended: this one begins again
        child.sent.popleft()
        measures.count_cached(answer)
        if answer.unfit:
            child.is_ending = True
            child.finished.append(report)
            self._end(child, GRACE_S)
        elif child.is_ending:
            child.finished.append(report)
        else:
            ended.append(report)
        child.finish(self._context.output, grant, answer.output_end_bytes, printed=answer.HasField("output_end_bytes"))
        self._stop_first(child)
        return True

    def _release(self, child: ChildProcess) -> None:
        """A process with nothing to do leaves its slot: it relieves one that still starts, or stays warm."""
        if not child.is_idle or child.slot is None:
            return
        del self._by_slot[child.slot]
        child.slot = None
        self._starting.discard(child)
        if child.is_ending or child.killed_for or child.code is not None:
            return  # it is about to end
        if not child.setup_at:
            child.binding, child.gpus = None, ()
            self._warm.blank.append(child)
        elif child.is_ready:
            child.tail.rest()
            if not (self._starting and self._relieve(child)):
                self._warm.idle.append(child)

    def _relieve(self, child: ChildProcess) -> bool:
        """Take over what waits for a process that is not ready; False if there is none of the same binding."""
        for other in self._starting:
            if other.binding == child.binding and not other.gpus and other.waiting and other.slot is not None:
                slot, child.waiting, other.waiting, other.slot = other.slot, other.waiting, child.waiting, None
                self._starting.discard(other)
                self._place(child, slot, child.waiting[0])
                self._hand_over(child)
                return True
        return False

    def _dismiss(self, children: Iterable[ChildProcess]) -> None:
        """End processes that run nothing."""
        for child in list(children):
            self._end(child)

    def _end(self, child: ChildProcess, grace_s: float = 0.0, *, ask: bool = False) -> None:
        """Kill a process `grace_s` from now, unless it ends before, `ask`ed or by itself; `_on_gone` does the rest."""
        child.is_ending = True
        self._warm.forget([child])
        assert self._keeper is not None
        try:
            self._keeper.end(child.number, grace_s, ask)
        except Exception:
            log.exception("cannot end process %d, retrying", child.number)
            if child.number in self._children:
                self._loop.call_later(RETRY_S, partial(self._end, child, grace_s, ask=ask))

    def _guard(self, step: Callable[..., Any], child: ChildProcess, *more: Any) -> None:
        """Do something about one process; if it fails, the process ends, and what it had is reported then."""
        try:
            step(child, *more)
        except Exception as error:
            log.exception("ending process %d for operators: %s", child.number, error)
            self._end(child)

    def _refuse(
        self, grants: Iterable[Grant], cause: Cause, kind: str, message: str, *, returned: bool = False
    ) -> None:
        """Report failures, but never from within `start`."""
        worker = self._context.worker
        refused = [reports.failed(grant, worker, cause, kind, message, returned=returned) for grant in grants]
        if refused:
            self._loop.call_soon(self._context.report, refused)

    def _spawn(self) -> ChildProcess | None:
        assert self._keeper is not None
        self._started += 1
        try:
            child = ChildProcess(self._started, self._folder, self._keeper)
        except OSError as error:
            self._problem = str(error)
            log.error("cannot start a process for operators: %s", error)
            return None
        self._children[child.number] = child
        self._guard(self._listen, child)
        return None if child.is_ending else child

    def _listen(self, child: ChildProcess) -> None:
        self._loop.add_reader(child.channel.fd, self._on_readable, child)

    def _fill_up(self) -> None:
        """Start processes for bundles to come."""
        blank = self._warm.blank
        while not self._is_closing and len(blank) < min(BLANKS_MAX, self._warm.count_max):
            child = self._spawn()
            if child is None:
                return
            blank.append(child)

    def _on_record(self, record: Record) -> None:
        child = self._children.get(record.number)
        if child is None:
            return
        if record.kind == keeper_records.GONE:
            self._on_gone(child, keeper_records.exit_code(record.value))
        elif record.kind == keeper_records.NO_START:
            self._problem = os.strerror(record.value)
            self._on_gone(child, deaths.NEVER_STARTED)
        elif record.kind == keeper_records.OVER:
            child.over[record.more] = record.value
            child.killed_for.add(record.more)
            self._end(child)

    def _on_keeper_lost(self) -> None:
        """Its processes are gone with it."""
        for child in list(self._children.values()):
            self._on_gone(child, deaths.KEEPER_LOST)

    def _on_gone(self, child: ChildProcess, code: int) -> None:
        """A process is gone: what it had begun has failed, what it had not goes to another. It may come twice."""
        if self._children.get(child.number) is not child:
            return
        child.code, child.is_ending = code, True
        slot, ended, again = child.slot, list[Report](), list[Grant]()
        try:
            if not self._is_closing:
                again = self._settle_gone(child, code, ended)
        except Exception as error:
            log.exception("the state of process %d is unknown", child.number)
            known = {report.grant for report in ended}
            lost = [grant for grant in (*child.sent, *child.waiting) if grant.grant not in known]
            text = f"the worker lost the action: {error}"
            worker = self._context.worker
            ended += [reports.failed(grant, worker, Cause.CAUSE_WORKER, "NoProcess", text) for grant in lost]
        child.sent.clear()
        child.waiting.clear()
        try:
            self._forget(child)
            if slot is not None and again:
                self.start(again, [slot] * len(again))
        finally:
            if ended:
                self._context.report(ended)

    def _settle_gone(self, child: ChildProcess, code: int, ended: list[Report]) -> list[Grant]:
        """Add reports of what has ended; return what has not begun."""
        self._guard(self._read, child, ended)
        if child.finished:
            ended += child.finished
            child.finished.clear()
            child.drop_output()
        again = child.take_back()
        for begun in child.sent:
            if child.killed_for and begun.grant not in child.killed_for:
                again.insert(0, begun)  # killed for another, which had just ended
                continue
            child.finish(self._context.output, begun)
            ended.append(self._death(begun, child, code))
        doomed = [grant for grant in again if grant.grant in child.doomed]
        again = [grant for grant in again if grant not in doomed]
        ended += [deaths.report(grant, self._context.worker, child, code, False) for grant in doomed]
        if again and not child.is_ready and not child.killed_for:
            words = self._problem if code == deaths.NEVER_STARTED else deaths.last_words(child)
            ended += [deaths.no_start(grant, self._context.worker, code, words) for grant in again]
            again = []
        return again

    def _death(self, grant: Grant, child: ChildProcess, code: int) -> Report:
        """The action's process ended by itself, or was killed by somebody else, or by `stop`."""
        out_of_memory = False
        if code == -signal.SIGKILL and not child.killed_for and (kills := machine.oom_kills()) > self._oom_kills:
            self._oom_kills, out_of_memory = kills, True
        return deaths.report(grant, self._context.worker, child, code, out_of_memory)

    def _forget(self, child: ChildProcess) -> None:
        del self._children[child.number]
        if not self._children:
            self._all_gone.set()
        if child.slot is not None:
            self._by_slot.pop(child.slot, None)
            child.slot = None
        self._starting.discard(child)
        self._warm.forget([child])
        for step in (lambda: self._loop.remove_reader(child.channel.fd), child.close):
            with contextlib.suppress(OSError, ValueError):  # closed already, or a disk that fails
                step()
        for left in (f"work-{child.number}", f"work-{child.number}-files"):
            self._loop.run_in_executor(None, shutil.rmtree, self._folder / left, True)

    def _follow(self) -> None:
        """While something runs: pass on what it prints. When nothing has run for a while: make ready for more."""
        self._follower = self._loop.call_later(FOLLOW_S if self._by_slot else QUIET_S, self._rest)
        late = time.monotonic() - START_S
        for child in list(self._by_slot.values()):
            if child.sent:
                child.follow(self._context.output)
            elif 0.0 < child.setup_at < late and not child.is_ready and not child.is_ending:
                self._end(child)
        self._dismiss(self._warm.look(time.monotonic(), len(self._by_slot), machine.is_memory_scarce()))

    def _rest(self) -> None:
        if self._by_slot:
            self._follow()
            return
        self._follower = None
        if self._keeper is not None:
            self._keeper.watch(False)
        self._fill_up()
        self._cooler = self._loop.call_later(LATELY_S, self._cool)

    def _cool(self) -> None:
        """Nothing runs: what stays warm becomes less."""
        self._dismiss(self._warm.look(time.monotonic(), len(self._by_slot), scarce=False))
        if self._follower is None and len(self._warm.idle) > self._warm.cores:  # else `_follow` looks
            self._cooler = self._loop.call_later(LATELY_S, self._cool)
