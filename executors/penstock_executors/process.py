"""The process executor: operators run in warm processes, each of which serves one bundle for all its life."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Sequence

import psutil
from google.protobuf.message import DecodeError
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.executors.v1.child_pb2 import FromChild, Setup
from penstock_proto.plan.v1.plan_pb2 import Resources
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report

from . import exits, leftovers, reports
from .channel import MESSAGE_BYTES_MAX
from .child_process import LINUX, ChildProcess
from .downloads import Prepared, Unavailable
from .executor import Context
from .gpus import visible_gpus
from .slots import AHEAD_MAX

BLANKS_MAX = 2  # processes that wait for their first bundle
READ_MAX = 64  # messages of one process read in one go
FOLLOW_S = 0.2  # between two looks at what runs and prints
QUIET_S = 1.0  # without work, before processes are started for later
CLOSE_S = 2.0  # for processes to end by themselves when the worker closes
PRIVATE = "PENSTOCK_"  # variables that operators do not see


class ProcessExecutor:
    """Executes each slot of the worker in a process of its own, for as long as the slot lasts."""

    name = "process"
    ahead_max = AHEAD_MAX if LINUX else 1

    def __init__(
        self, *, cpu_milli: int | None = None, memory_bytes: int | None = None, gpus: Sequence[str] | None = None
    ) -> None:
        """What is not given is what this machine has; `gpus` as CUDA_VISIBLE_DEVICES names them."""
        self._gpus = tuple(visible_gpus() if gpus is None else gpus)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._capacity = Resources(
            cpu_milli=cores * 1000 if cpu_milli is None else cpu_milli,
            gpu=len(self._gpus),
            memory_bytes=psutil.virtual_memory().total if memory_bytes is None else memory_bytes,
        )
        self._warm_max = max(1, -(-self._capacity.cpu_milli // 1000))
        self._children: dict[int, ChildProcess] = {}  # all that live, by number
        self._by_slot: dict[int, ChildProcess] = {}
        self._idle: list[ChildProcess] = []  # bound, longest idle first
        self._blank: list[ChildProcess] = []
        self._started = 0
        self._closing = False
        self._all_gone = asyncio.Event()  # for `close`: no process is left
        self._follower: asyncio.TimerHandle | None = None

    def capacity(self) -> Resources:
        """What this machine has, or what it was told to have."""
        return self._capacity

    async def open(self, context: Context) -> None:
        """Start the first processes, so that the first actions find them warm."""
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._folder = context.scratch / "processes"
        leftovers.sweep(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._environment = _environment()
        self._oom_kills = leftovers.oom_kills()
        self._prepared = Prepared(context, self._on_prepared)
        self._fill_up()

    async def close(self) -> None:
        """Let the processes end, then make them."""
        self._closing = True
        if self._follower is not None:
            self._follower.cancel()
        await self._prepared.close()
        for child in self._children.values():
            if not child.idle:
                child.signal(signal.SIGTERM)
                child.signal(signal.SIGCONT)
            self._loop.remove_reader(child.channel.fd)
            child.channel.close()
        if self._children:
            self._all_gone.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), CLOSE_S)
        for child in self._children.values():
            child.signal(signal.SIGKILL)
        if self._children:
            await self._all_gone.wait()

    def adopt(self) -> list[Grant]:
        """Nothing: processes end with their worker."""
        return []

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
            self._hand_over(child)
        if self._follower is None and self._by_slot:
            self._follower = self._loop.call_later(FOLLOW_S, self._follow)

    def take_back(self, slot: int, first: bool) -> list[int]:
        """What the process has not read, nobody else will."""
        child = self._by_slot.get(slot)
        if child is None:
            return []
        back = child.take_back()
        if not first and child.idle and back:
            child.waiting.append(back.pop(0))
            self._hand_over(child)
        if child.idle:
            self._release(child)
        return [grant.grant for grant in back]

    def stop(self, grants: Sequence[int], grace_s: float) -> None:
        """Kill the processes that execute these grants, with all that they started."""
        wanted = set(grants)
        for child in self._by_slot.values():
            if child.sent and child.sent[0].grant in wanted - child.killed_for:
                child.killed_for.add(child.sent[0].grant)
                child.signal(signal.SIGTERM)
                child.signal(signal.SIGCONT)
                self._loop.call_later(grace_s, self._force, child)

    def collect(self) -> None:
        """Read what the processes have sent."""
        ended: list[Report] = []
        for child in list(self._by_slot.values()):
            self._read(child, ended)
        if ended:
            self._context.report(ended)

    def _assign(self, slot: int, grant: Grant) -> ChildProcess | None:
        """An idle process of this bundle, else a blank one, else a new one."""
        count = grant.resources.gpu
        child = self._idle_for(grant.bundle, count)
        if child is None:
            if len(self._children) - len(self._blank) >= self._warm_max:
                self._end_one(besides=grant.bundle)
            child = self._blank.pop(0) if self._blank else self._spawn()
            if child is None:
                self._refuse([grant], Cause.CAUSE_WORKER, "NoProcess", "the system has no room for another process")
                return None
            child.bound, child.bundle, child.gpus = True, grant.bundle, self._free_gpus(count)
        child.slot = slot
        self._by_slot[slot] = child
        self._set_up(child)
        return child

    def _idle_for(self, bundle: bytes, gpus: int) -> ChildProcess | None:
        busy = self._busy_gpus()
        for child in reversed(self._idle):
            if child.bundle == bundle and len(child.gpus) == gpus and busy.isdisjoint(child.gpus):
                self._idle.remove(child)
                return child
        return None

    def _busy_gpus(self) -> set[str]:
        return {gpu for child in self._by_slot.values() for gpu in child.gpus}

    def _free_gpus(self, count: int) -> tuple[str, ...]:
        """GPUs that nothing runs on, best those that no idle process keeps warm; such a process is ended."""
        if not count:
            return ()
        busy, warm = self._busy_gpus(), {gpu for child in self._idle for gpu in child.gpus}
        free = sorted((gpu for gpu in self._gpus if gpu not in busy), key=lambda gpu: gpu in warm)
        chosen = tuple(free[:count])
        for child in [child for child in self._idle if not set(chosen).isdisjoint(child.gpus)]:
            self._end(child)
        return chosen

    def _set_up(self, child: ChildProcess) -> None:
        """Tell the process whom it serves, once its bundle is on the disk."""
        if child.setup_sent:
            return
        folder = self._prepared.bundle(child.bundle)
        if folder is None:
            return
        setup = Setup(
            worker=self._context.worker,
            store=str(self._context.store.folder),
            plans=str(self._prepared.plans_folder),
            bundle=folder,
            store_address=self._context.store_address,
        )
        if self._gpus:
            setup.gpus = ",".join(child.gpus)
        child.setup_sent = child.channel.send(setup.SerializeToString())

    def _hand_over(self, child: ChildProcess) -> None:
        """Send what can be sent; the rest waits for the process, for its plan, or for room in the socket."""
        while child.waiting:
            grant = child.waiting[0]
            if not self._prepared.has_plan(grant.plan) or not child.ready:
                return
            message = grant.SerializeToString()
            if len(message) > MESSAGE_BYTES_MAX:
                child.waiting.popleft()
                text = f"the values of its arguments take {len(message)} bytes, the limit is {MESSAGE_BYTES_MAX}"
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
                self._release(child)
            else:
                self._set_up(child)
                self._hand_over(child)

    def _on_readable(self, child: ChildProcess) -> None:
        ended: list[Report] = []
        self._read(child, ended)
        if ended:
            self._context.report(ended)
        if child.channel.ended:
            self._on_exit(child)

    def _read(self, child: ChildProcess, ended: list[Report]) -> None:
        for message in child.channel.received(READ_MAX):
            answer = _answer(message)
            if answer is not None and answer.ready:
                child.ready = True
            elif answer is None or not self._settle(child, answer, ended):
                child.signal(signal.SIGKILL)
                break
        if child.waiting:
            self._hand_over(child)
        self._release(child)

    def _settle(self, child: ChildProcess, answer: FromChild, ended: list[Report]) -> bool:
        """Take a result; False if it is not one of the action that was handed over."""
        report = answer.report
        grant = child.sent[0] if child.sent else None
        if grant is None or report.grant != grant.grant or report.run_id != grant.run_id or report.node != grant.node:
            return False
        child.sent.popleft()
        if answer.HasField("output_end_bytes"):
            self._pass_on(grant, child.tail.finish(answer.output_end_bytes))
        ended.append(report)
        return True

    def _release(self, child: ChildProcess) -> None:
        """A process with nothing to do leaves its slot and stays warm, or makes room."""
        if not child.idle or child.slot is None:
            return
        del self._by_slot[child.slot]
        child.slot = None
        if child.killed_for or child.code is not None:
            return  # it is about to end
        if not child.setup_sent:
            child.bound, child.bundle, child.gpus = False, b"", ()
            self._blank.append(child)
            return
        child.tail.rest()
        self._idle.append(child)
        if len(self._idle) > self._warm_max:
            self._end(self._idle[0])

    def _end_one(self, besides: bytes) -> None:
        """Make room: end the process that has been idle longest, of another bundle if there is one."""
        others = [child for child in self._idle if child.bundle != besides]
        if others:
            self._end(others[0])

    def _end(self, child: ChildProcess) -> None:
        """End an idle process; `_on_exit` does the rest."""
        self._idle.remove(child)
        child.signal(signal.SIGKILL)

    def _force(self, child: ChildProcess) -> None:
        if child.code is None:
            child.signal(signal.SIGKILL)

    def _refuse(
        self, grants: Iterable[Grant], cause: Cause, kind: str, message: str, *, returned: bool = False
    ) -> None:
        """Report failures, but never from within `start`."""
        worker = self._context.worker
        refused = [reports.failed(grant, worker, cause, kind, message, returned=returned) for grant in grants]
        if refused:
            self._loop.call_soon(self._context.report, refused)

    def _spawn(self) -> ChildProcess | None:
        self._started += 1
        try:
            child = ChildProcess(self._started, self._folder, self._environment)
        except OSError:
            return None
        self._children[child.number] = child
        leftovers.note(self._folder, child.number, child.pid)
        self._loop.add_reader(child.channel.fd, self._on_readable, child)
        if child.pidfd >= 0:
            self._loop.add_reader(child.pidfd, self._on_exit, child)
        return child

    def _fill_up(self) -> None:
        """Start processes for bundles to come."""
        while not self._closing and len(self._blank) < min(BLANKS_MAX, self._warm_max):
            child = self._spawn()
            if child is None:
                return
            self._blank.append(child)

    def _on_exit(self, child: ChildProcess) -> None:
        """A process is gone: what it had begun has failed, what it had not goes to another."""
        if child.code is not None:
            return
        if child.pidfd >= 0:
            self._loop.remove_reader(child.pidfd)
        code = child.buried()
        if self._closing:
            self._forget(child)
            return
        ended: list[Report] = []
        self._read(child, ended)
        self._loop.remove_reader(child.channel.fd)
        again = child.take_back()
        for begun in child.sent:
            if child.killed_for and begun.grant not in child.killed_for:
                again.insert(0, begun)  # killed for another, which had just ended
                continue
            self._pass_on(begun, child.tail.finish())
            ended.append(self._death(begun, child, code))
        child.sent.clear()
        if again and not child.ready and not child.killed_for:
            ended += [self._no_start(grant, child, code) for grant in again]
            again = []
        slot = child.slot
        if slot is not None:
            del self._by_slot[slot]
            child.slot = None
        self._forget(child)
        if slot is not None and again:
            self.start(again, [slot] * len(again))
        if ended:
            self._context.report(ended)

    def _death(self, grant: Grant, child: ChildProcess, code: int) -> Report:
        """The action's process ended by itself, or was killed by somebody else, or by `stop`."""
        if code == -signal.SIGKILL and not child.killed_for and (kills := leftovers.oom_kills()) > self._oom_kills:
            self._oom_kills = kills
            text = "the operator's process was killed because memory ran out; declare more with `memory`, or use less"
            return reports.failed(grant, self._context.worker, Cause.CAUSE_OUT_OF_MEMORY, "OutOfMemory", text)
        return reports.failed(grant, self._context.worker, Cause.CAUSE_EXITED, "Exited", exits.spelt(code))

    def _no_start(self, grant: Grant, child: ChildProcess, code: int) -> Report:
        text = f"a process for operators could not start: {exits.spelt(code)}. It said: {child.tail.last_words()}"
        return reports.failed(grant, self._context.worker, Cause.CAUSE_WORKER, "NoProcess", text)

    def _forget(self, child: ChildProcess) -> None:
        del self._children[child.number]
        if not self._children:
            self._all_gone.set()
        for group in (self._idle, self._blank):
            if child in group:
                group.remove(child)
        child.close()
        leftovers.forget(self._folder, child.number)
        for left in (f"work-{child.number}", f"work-{child.number}-files"):
            self._loop.run_in_executor(None, shutil.rmtree, self._folder / left, True)

    def _follow(self) -> None:
        """While something runs: pass on what it prints. When nothing has run for a while: make ready for more."""
        self._follower = None
        for child in self._by_slot.values():
            if child.sent:
                self._pass_on(child.sent[0], child.tail.lines())
        if self._by_slot:
            self._follower = self._loop.call_later(FOLLOW_S, self._follow)
        else:
            self._follower = self._loop.call_later(QUIET_S, self._rested)

    def _rested(self) -> None:
        self._follower = None
        if not self._by_slot:
            self._fill_up()
        else:
            self._follow()

    def _pass_on(self, grant: Grant, lines: list[str]) -> None:
        if lines:
            self._context.output(grant, lines)


def _answer(message: memoryview) -> FromChild | None:
    """Read what a process says; None if that makes no sense: the operator can write to the socket, too."""
    try:
        return FromChild.FromString(bytes(message))
    except DecodeError:
        return None


def _environment() -> dict[str, str]:
    """The worker's own, without what is private to it; sets of strings have the same order in every process."""
    public = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    return {"PYTHONHASHSEED": "0"} | public
