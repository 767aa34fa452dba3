"""Notices when the event loop of a process stands still: leases, heartbeats and answers are late then."""

import asyncio
import logging
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Final

from penstock_observability import metrics

BEAT_S: Final = 0.25
# A third of a shard's lease.
STALL_S: Final = 1.0
FRAMES_SHOWN: Final = 3

log = logging.getLogger(__name__)


class Watchdog:
    """Watches the loop that it is started on, until it is stopped.

    A task beats; a thread looks whether it does, and at what the loop's thread is doing where it does not.
    """

    def __init__(self, stall_s: float = STALL_S) -> None:
        self._stall_s = stall_s
        self._beaten = time.monotonic()
        # Where the loop's thread was seen while it did not beat.
        self._seen = ""
        self._stopped = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._beaten = time.monotonic()
        self._task = asyncio.create_task(self._beat(), name="watchdog")
        self._thread = threading.Thread(target=self._look, args=(threading.get_ident(),), name="watchdog", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Harmless when repeated."""
        self._stopped.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._task = self._thread = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            before, self._beaten = self._beaten, time.monotonic()
            seen, self._seen = self._seen, ""
            stood_s = self._beaten - before - BEAT_S
            if stood_s >= self._stall_s:
                metrics.LOOP_STALLS.inc()
                metrics.LOOP_STALLED_SECONDS.inc(stood_s)
                where = f"; it was last seen in {seen}" if seen else ""
                log.warning("the event loop stood still for %.1f s: leases and answers were late%s", stood_s, where)

    def _look(self, thread: int) -> None:
        while not self._stopped.wait(BEAT_S):
            if time.monotonic() - self._beaten > self._stall_s:
                frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]
                self._seen = _shown(frame) or self._seen


def _shown(frame: FrameType | None) -> str:
    """Name the innermost functions, the innermost first."""
    shown: list[str] = []
    while frame is not None and len(shown) < FRAMES_SHOWN:
        code = frame.f_code
        shown.append(f"{code.co_name} ({Path(code.co_filename).name}:{frame.f_lineno})")
        frame = frame.f_back
    return " < ".join(shown)
