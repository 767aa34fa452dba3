"""The worker's side of its keeper: starts it, tells it what to start and to end, hears what is gone."""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from . import keeper_records, process_tree
from .keeper_records import Record

# Carried by all that a worker's operators start, unless they clear their environment: what a killed keeper left.
MARK: Final = "KEPT_BY_PENSTOCK"
PRIVATE: Final = "PENSTOCK_"  # variables that operators do not see
READY_S: Final = 60.0
CLOSE_S: Final = 5.0
TRIES_MAX, RETRY_S = 5, 0.1
WORDS_MAX: Final = 2_000
log = logging.getLogger(__name__)


class KeeperLink:
    """One keeper after the other: a new one is started when there is none and a process is wanted."""

    def __init__(
        self,
        folder: Path,
        grace_s: float,
        on_record: Callable[[Record], None],
        on_lost: Callable[[], None],
    ) -> None:
        """`on_lost`: the keeper is gone, and with it all its processes."""
        self._folder = folder
        self._grace_s = grace_s
        self._on_record, self._on_lost = on_record, on_lost
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._environment = {**_environment(), name: value}
        self._end: socket.socket | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._ready = asyncio.Event()
        self._is_watching = False

    async def open(self) -> None:
        """End what a killed predecessor left; start the keeper and wait until it is there. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        note = self._folder / "mark"
        if note.exists() and (left := process_tree.end_marked(note.read_text().strip())):
            log.warning("ending %d processes of operators that a killed worker left running", left)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        note.write_text(self._mark)
        self._launch()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), READY_S)

    def start(self, number: int, fds: Sequence[int]) -> None:
        """Start a process; raises OSError if that is impossible now."""
        if self._end is None:
            self._launch()
        assert self._end is not None
        keeper_records.send(self._end, Record(keeper_records.START, number), fds)

    def end(self, number: int, grace_s: float, ask: bool = True) -> None:
        """Ask a process to end; `grace_s` later it is killed, with all that descends from it."""
        self._tell(Record(keeper_records.END, number, value=int(ask), seconds=grace_s))

    def watch(self, busy: bool) -> None:
        """Look after memory while something runs."""
        if busy != self._is_watching:
            self._is_watching = busy
            self._tell(Record(keeper_records.WATCH, value=int(busy)))

    async def close(self) -> None:
        """End the keeper, and by that all its processes."""
        popen = self._popen
        self._drop()
        if popen is None:
            return
        waits = 0.0
        while popen.poll() is None and waits < CLOSE_S:
            await asyncio.sleep(0.01)
            waits += 0.01
        if popen.poll() is None:
            log.warning("the keeper of operators' processes (%d) does not stop; killing it", popen.pid)
            popen.kill()
            popen.wait()
            process_tree.end_marked(self._mark)

    def _launch(self) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with open(self._folder / "keeper-output", "wb") as output:
                self._launch_with(near, far, output.fileno())
        except BaseException:
            self._drop()
            near.close()
            raise
        finally:
            far.close()
        self._is_watching = False

    def _launch_with(self, near: socket.socket, far: socket.socket, output: int) -> None:
        near.setblocking(False)
        arguments = [str(far.fileno()), str(self._folder), str(self._grace_s)]
        self._loop.add_reader(near.fileno(), self._on_readable)
        self._end = near
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-X", "faulthandler", "-m", "penstock_executors.keeper", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[far.fileno()],
            start_new_session=True,
            env=self._environment,
        )

    def _tell(self, record: Record) -> None:
        """Say something about processes; if that is impossible, the keeper goes, and they with it."""
        if self._end is None:
            return
        try:
            keeper_records.send(self._end, record)
        except OSError as error:
            log.error("the keeper of operators' processes does not respond (%s); restarting it", error)
            self._lose()

    def _on_readable(self) -> None:
        while self._end is not None:
            try:
                received = keeper_records.receive(self._end)
            except BlockingIOError:
                return
            except OSError:
                received = None
            if received is None:
                self._lose()
                return
            record, _ = received
            if record.kind == keeper_records.READY:
                self._ready.set()
            else:
                self._deliver(record, TRIES_MAX)

    def _deliver(self, record: Record, tries: int) -> None:
        """Hand a record on; what raises is tried again, since the keeper says it once."""
        try:
            self._on_record(record)
        except Exception:
            log.exception("cannot handle a record of the keeper (%s)", record)
            if tries > 1:
                self._loop.call_later(RETRY_S, self._deliver, record, tries - 1)

    def _lose(self) -> None:
        """The keeper is gone: so are its processes, and what they left must be."""
        popen = self._popen
        self._drop()
        if popen is not None:
            popen.kill()
            code = popen.wait()
            log.error("the keeper of operators' processes exited (exit code %d)%s", code, self._last_words())
            process_tree.end_marked(self._mark)
        self._loop.call_soon(self._on_lost)  # this may be within `start` or `end`

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            said = (self._folder / "keeper-output").read_text(errors="replace").strip()
            return f"; its last output: {said[-WORDS_MAX:]}" if said else ""
        return ""

    def _drop(self) -> None:
        end, self._end, self._popen = self._end, None, None
        if end is not None:
            self._loop.remove_reader(end.fileno())
            end.close()


def _environment() -> dict[str, str]:
    """The worker's own, without what is private to it; sets of strings have the same order in every process."""
    public = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
    return {"PYTHONHASHSEED": "0"} | public
