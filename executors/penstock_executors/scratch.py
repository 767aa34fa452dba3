"""Scratch folders of operators: one for each node of a run, which its attempts on this worker share.

They survive the worker. One is removed when the success of its node is
recorded, all of a run's when the run has ended; the checkpoints of the node or the run go with them.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from penstock_proto.state_tracker.v1.reports_pb2 import Report

from .executor import Artifacts
from .here import folder_of_node

SWEEP_S: Final = 30.0
# Runs that the State Tracker is asked about in one sweep, the oldest first.
RUNS_A_SWEEP_MAX: Final = 200
RUN_ID_BYTES: Final = 16
log = logging.getLogger(__name__)

EndedRuns = Callable[[Sequence[bytes]], Awaitable[set[bytes]]]


class NodeKey(NamedTuple):
    """A node of a run."""

    run_id: bytes
    node: int
    item: tuple[int, ...]


class ScratchFolders:
    """Removes the scratch folders of one worker, with the checkpoints of the same nodes, when nobody needs them."""

    def __init__(self, root: Path, store: Artifacts, ended_runs: EndedRuns) -> None:
        """`ended_runs` returns those of some runs that have ended or do not exist."""
        self.size_bytes = 0  # of all of them, at the last sweep
        self._root, self._store, self._ended_runs = root, store, ended_runs
        self._runs: set[bytes] = set()  # that have a folder
        self._seen_ns = -1  # the root's time of change when `_runs` was read
        self._succeeded: dict[int, NodeKey] = {}  # by grant, until that is recorded
        self._removing: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start to sweep; what a worker that crashed left goes, too."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._look()

    async def close(self) -> None:
        """End; what was not removed is removed later."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._removing, *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def note_ended(self, reports: Iterable[Report]) -> None:
        """Remember what has succeeded and has a folder: it goes once that is recorded."""
        with contextlib.suppress(OSError):
            if (changed_ns := os.stat(self._root).st_mtime_ns) != self._seen_ns:
                self._seen_ns, self._runs = changed_ns, set(self._present())
        if not self._runs:
            return
        for report in reports:
            key = NodeKey(report.run_id, report.node, tuple(report.item))
            if report.run_id in self._runs and report.HasField("succeeded") and self._folder(key).exists():
                self._succeeded[report.grant] = key

    def note_recorded(self, grants: Iterable[int]) -> None:
        """These ends are recorded: what succeeded needs its folder no longer."""
        if not self._succeeded:
            return
        for grant in grants:
            if (key := self._succeeded.pop(grant, None)) is not None:
                task = asyncio.create_task(self._remove_node(key))
                self._removing.add(task)
                task.add_done_callback(self._removing.discard)

    def _look(self) -> None:
        """Now and then: sweep, if there are any folders and the last sweep is over."""
        self._timer = asyncio.get_running_loop().call_later(SWEEP_S, self._look)
        with contextlib.suppress(OSError):
            if self._present() and (self._sweeping is None or self._sweeping.done()):
                self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Remove the folders and checkpoints of runs that have ended, and measure the rest."""
        runs = sorted(self._present())[:RUNS_A_SWEEP_MAX]  # their ids begin with the time
        try:
            for run_id in await self._ended_runs(runs):
                await asyncio.to_thread(self._store.remove_checkpoints, run_id)
                await asyncio.to_thread(shutil.rmtree, self._root / run_id.hex(), True)
            self.size_bytes = await asyncio.to_thread(_size_bytes, self._root)
        except Exception as error:
            log.warning("cannot sweep scratch folders, retrying in %.0f s: %s", SWEEP_S, error)

    async def _remove_node(self, key: NodeKey) -> None:
        try:
            await asyncio.to_thread(self._store.remove_checkpoints, key.run_id, key.node, key.item)
            await asyncio.to_thread(self._remove_folder, key)
        except Exception as error:  # the sweep after the end of the run tries again
            log.warning("cannot remove the scratch folder of a node that has succeeded: %s", error)

    def _remove_folder(self, key: NodeKey) -> None:
        folder = self._folder(key)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others of the run are in it
            folder.parent.rmdir()

    def _folder(self, key: NodeKey) -> Path:
        return folder_of_node(self._root, *key)

    def _present(self) -> list[bytes]:
        found: list[bytes] = []
        for name in os.listdir(self._root):
            with contextlib.suppress(ValueError):
                found.append(bytes.fromhex(name))
        return [run_id for run_id in found if len(run_id) == RUN_ID_BYTES]


def _size_bytes(root: Path) -> int:
    total = 0
    for folder, _, files in os.walk(root):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total
