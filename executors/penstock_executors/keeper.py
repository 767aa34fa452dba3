"""The keeper of a worker's operator processes: it forks them, and ends all that descends from them.

A process of its own, so that nothing outlives a worker that is killed. It has imported what operators' processes need,
so that a new one is there within milliseconds. All that an operator starts descends from the keeper, whatever session
or process group it is in: an operator's process adopts what is orphaned below it, and the keeper what is left of that.
"""

import atexit
import contextlib
import ctypes
import errno
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Generator, Sequence
from select import POLLIN, poll
from typing import Any, Final

from . import child, keeper_records, process_tree, progress
from .keeper_records import Record

LINUX: Final = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
# Between two looks at what should end.
LOOK_S: Final = 0.02
LEFT_S: Final = 0.25
# Between two looks at the memory of what runs; longer if a look takes long, so that looking takes a part of a core.
MEMORY_S: Final = 0.05
MEMORY_SHARE: Final = 0.05
# When memory runs out, the system takes an operator before its worker.
OOM_SCORE_ADJ: Final = "500"
_HANDLED: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_atexit: Any = atexit
_libc = ctypes.CDLL(None) if LINUX else None


class Kept:
    """One operator process."""

    __slots__ = ("code", "deadline", "number", "page", "pid", "seen")

    def __init__(self, number: int, pid: int, page: int) -> None:
        self.number, self.pid, self.page = number, pid, page
        self.code: int | None = None  # once it has ended
        self.deadline = 0.0  # when it and what it left are killed; 0: nobody has asked
        self.seen = 0  # the grant of the last look at its memory


class Keeper:
    """Serves one worker until the socket ends."""

    def __init__(self, end: socket.socket, folder: str, grace_s: float) -> None:
        self._end, self._pid = end, os.getpid()
        self._folder, self._grace_s = folder, grace_s
        self._kept: dict[int, Kept] = {}
        self._asked: set[int] = set()  # left-over processes that were asked to end
        self._is_watching = False
        self._look_at = self._memory_at = 0.0
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if LINUX else _pipe()
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _note_signal)

    def serve(self) -> None:
        """Carry out what the worker says, until it is gone; then end everything."""
        ready = poll()
        ready.register(self._end, POLLIN)
        ready.register(self._wake_read, POLLIN)
        self._say(Record(keeper_records.READY, value=os.getpid()))
        while True:
            for fd, _ in ready.poll(self._timeout_ms()):
                if fd == self._wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(fd, 4096)
                elif not self._obey():
                    self._end_all()
                    return
            self._reap()
            try:
                self._finish()
                self._look_at_memory()
            except OSError:  # the system has no descriptors left: look again
                time.sleep(LOOK_S)

    def _timeout_ms(self) -> int | None:
        now = time.monotonic()
        waits = [max(0.0, kept.deadline - now) for kept in self._kept.values() if kept.deadline and kept.code is None]
        ended = [kept.deadline - now for kept in self._kept.values() if kept.code is not None]
        if ended:  # what is left of them is waited for: its ends are noticed, what it starts is not
            waits.append(min(max(LOOK_S, *ended), LEFT_S))
        if self._is_watching:
            waits.append(max(0.0, self._memory_at - now))
        return int(min(waits) * 1000) + 1 if waits else None

    @contextlib.contextmanager
    def _room(self) -> Generator[None]:
        """Have one descriptor for certain: looking at processes takes one at a time, and must go on without others."""
        if self._spare >= 0:
            os.close(self._spare)
        self._spare = -1
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _tree(self) -> dict[int, list[int]]:
        with self._room():
            return process_tree.children()

    def _say(self, record: Record) -> None:
        with contextlib.suppress(OSError):  # the worker is gone: the end of the stream says so
            keeper_records.send(self._end, record)

    def _obey(self) -> bool:
        """Carry out one record; False if the worker is gone."""
        try:
            received = keeper_records.receive(self._end)
        except OSError:
            return False
        if received is None:
            return False
        record, fds = received
        if record.kind == keeper_records.START:
            self._start(record.number, fds)
        elif record.kind == keeper_records.END and (kept := self._kept.get(record.number)):
            self._ask(kept, record.seconds, ask=bool(record.value))
        elif record.kind == keeper_records.WATCH:
            self._is_watching = bool(record.value)
        return True

    def _start(self, number: int, fds: list[int]) -> None:
        try:
            link, output, page = fds
            pid = os.fork()
        except (OSError, ValueError) as error:
            for fd in fds:
                os.close(fd)
            # Descriptors for which there is no room do not arrive.
            self._say(Record(keeper_records.NO_START, number, getattr(error, "errno", 0) or errno.EMFILE))
            return
        if pid == 0:
            self._become(number, link, output, page)
        os.close(link)
        os.close(output)
        self._kept[number] = Kept(number, pid, page)
        self._say(Record(keeper_records.STARTED, number, pid))

    def _become(self, number: int, link: int, output: int, page: int) -> None:
        """The new process: leave everything of the keeper behind, and serve the worker."""
        code = 1
        try:
            self._end.detach()  # `_alone` closes it
            _leave_signals()
            os.setsid()
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            _prctl(PR_SET_CHILD_SUBREAPER, 1)
            if _libc is not None:
                _libc.prctl(PR_SET_NAME, b"operator")
            if os.getppid() != self._pid:  # the keeper has ended meanwhile
                os._exit(0)
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
                file.write(OOM_SCORE_ADJ)
            os.dup2(output, 1)
            os.dup2(output, 2)
            link, page = _alone(link, page)
            os.chdir(os.path.join(self._folder, f"work-{number}"))
            child.serve(link, page)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                _atexit._run_exitfuncs()
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _ask(self, kept: Kept, seconds: float, *, ask: bool) -> None:
        """Ask a process and its group to end, and set the time by which they will have; it never moves back."""
        deadline = time.monotonic() + seconds
        kept.deadline = min(kept.deadline, deadline) if kept.deadline else deadline
        if ask and kept.code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(kept.pid, signal.SIGTERM)
                os.killpg(kept.pid, signal.SIGCONT)

    def _reap(self) -> None:
        """Take note of all that has ended."""
        by_pid = {kept.pid: kept for kept in self._kept.values()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._asked.discard(pid)
            if kept := by_pid.get(pid):
                kept.code = os.waitstatus_to_exitcode(status)
                kept.deadline = kept.deadline or time.monotonic() + self._grace_s
                if not LINUX:  # what it left is not found as ours: its group is all that we know
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)

    def _finish(self) -> None:
        """Kill what is late; announce what is gone once nothing is left of it."""
        now = time.monotonic()
        ended = [kept for kept in self._kept.values() if kept.code is not None]
        late = [kept for kept in self._kept.values() if kept.code is None and 0.0 < kept.deadline <= now]
        if not ended and not late:
            return
        tree = self._tree()
        for kept in late:
            # The process first: what it leaves comes to the keeper, which looks again until nothing is left.
            process_tree.send([kept.pid, *process_tree.descendants(kept.pid, tree)], signal.SIGKILL)
            kept.deadline = now + LOOK_S
        if not ended:
            return
        alive = {kept.pid for kept in self._kept.values() if kept.code is None}
        left = [pid for pid in tree.get(self._pid, ()) if pid not in alive] if LINUX else []
        if not left and not self._have_more_ended():
            self._announce(ended)
        elif now >= max(kept.deadline for kept in ended):
            for pid in left:
                process_tree.send([pid, *process_tree.descendants(pid, tree)], signal.SIGKILL)
        else:
            process_tree.send(set(left) - self._asked, signal.SIGTERM, signal.SIGCONT)
            self._asked.update(left)

    def _have_more_ended(self) -> bool:
        """Whether something has ended since it was last noted: what it left may have been missed."""
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) if LINUX else None
        except ChildProcessError:
            return False
        return ended is not None

    def _announce(self, ended: list[Kept]) -> None:
        for kept in ended:
            del self._kept[kept.number]
            os.close(kept.page)
            assert kept.code is not None
            self._say(Record(keeper_records.GONE, kept.number, keeper_records.exit_value(kept.code)))

    def _look_at_memory(self) -> None:
        """End what uses more memory than it may. What began since the last look is left for the next one."""
        begun = time.monotonic()
        if not self._is_watching or begun < self._memory_at:
            return
        lasting: list[tuple[Kept, progress.Reading]] = []
        for kept in self._kept.values():
            if kept.code is None:
                reading = progress.read_page(kept.page)
                if reading.grant and reading.grant == kept.seen and reading.limit_bytes:
                    lasting.append((kept, reading))
                kept.seen = reading.grant
        if lasting:
            tree = self._tree()
            with self._room():
                for kept, reading in lasting:
                    self._demand(kept, reading, [kept.pid, *process_tree.descendants(kept.pid, tree)])
        now = time.monotonic()
        self._memory_at = now + max(MEMORY_S, (now - begun) / MEMORY_SHARE)

    def _demand(self, kept: Kept, reading: progress.Reading, pids: list[int]) -> None:
        if sum(map(process_tree.resident_bytes, pids)) <= reading.limit_bytes:
            return
        used = sum(map(process_tree.used_bytes, pids))
        if used > reading.limit_bytes and progress.read_page(kept.page).grant == reading.grant:
            self._say(Record(keeper_records.OVER, kept.number, used, reading.grant))
            process_tree.send(pids, signal.SIGKILL)
            kept.deadline = time.monotonic()

    def _end_all(self) -> None:
        """The worker is gone: nothing of its operators may stay."""
        while True:
            with contextlib.suppress(OSError):
                process_tree.send(process_tree.descendants(self._pid, self._tree()), signal.SIGKILL)
            if not LINUX:
                for kept in self._kept.values():
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(kept.pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(LOOK_S)


def _note_signal(_number: int, _frame: object) -> None:
    """Interrupts the wait, by the descriptor that signals write to."""


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for fd in ends:
        os.set_blocking(fd, False)
    return ends


def _prctl(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value)


def _leave_signals() -> None:
    """Operators' processes, and all that they start, have the default actions."""
    signal.set_wakeup_fd(-1)
    for number in _HANDLED:
        signal.signal(number, signal.SIG_DFL)


def _alone(link: int, page: int) -> tuple[int, int]:
    """Close every descriptor but these two, which get the lowest numbers."""
    link, page = os.dup(link), os.dup(page)  # may be 3 or 4 themselves
    spare = max(link, page) + 1
    link, page = os.dup2(link, spare, False), os.dup2(page, spare + 1, False)
    os.dup2(link, 3, False)
    os.dup2(page, 4, False)
    os.closerange(5, max(spare + 2, os.sysconf("SC_OPEN_MAX")))
    return 3, 4


def main(arguments: Sequence[str]) -> None:
    """Arguments: the socket's descriptor, the folder of the processes, seconds that what is left has to end."""
    fd, folder, grace_s = arguments
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it goes when its worker goes
    end = socket.socket(fileno=int(fd))
    end.setblocking(True)
    os.set_inheritable(end.fileno(), False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    del sys.argv[1:]
    gc.collect()
    gc.freeze()
    Keeper(end, folder, float(grace_s)).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
