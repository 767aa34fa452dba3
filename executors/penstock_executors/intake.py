"""Grants whose inputs do not fit a message: these are put into a file, or read from the log, before they go on."""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from penstock_proto.action_service.v1.worker_pb2 import Grant, NodeValues
from penstock_proto.state_tracker.v1.events_pb2 import Cause
from penstock_proto.state_tracker.v1.reports_pb2 import Report
from penstock_proto.value.v1.value_pb2 import Values

from . import reports
from .errors import NotRecorded
from .grants import without_inputs

# Larger ones do not go through the socket of a process.
SENT_BYTES_MAX: Final = 128 * 1024
REFS_AT_ONCE: Final = 2_000
PREPARED_AT_ONCE: Final = 4
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 2.0
# After which a grant whose inputs cannot be had is given back.
HOLD_S: Final = 60.0

ReadValues = Callable[[int, Sequence[int]], Awaitable[Mapping[int, Values]]]

log = logging.getLogger(__name__)


class Intake:
    """What a worker was granted and cannot hand to a process yet."""

    def __init__(
        self,
        worker: str,
        folder: Path,
        read_values: ReadValues,
        ready: Callable[[Grant], None],
        failed: Callable[[Grant, Report], None],
    ) -> None:
        self._worker, self._folder, self._read_values = worker, folder, read_values
        self._ready, self._failed = ready, failed
        self._pending: dict[int, tuple[Grant, asyncio.Task[None]]] = {}
        self._files: set[int] = set()  # by grant
        self._at_once = asyncio.Semaphore(PREPARED_AT_ONCE)

    def open(self) -> None:
        """Remove what a former process left."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)

    def take(self, grants: Iterable[Grant]) -> list[Grant]:
        """Return the grants that can go on at once; the others follow."""
        at_once: list[Grant] = []
        for grant in grants:
            if not (grant.refs or (grant.inputs and grant.ByteSize() > SENT_BYTES_MAX)):
                at_once.append(grant)
            elif grant.grant not in self._pending and grant.grant not in self._files:
                self._pending[grant.grant] = grant, asyncio.create_task(self._prepare(grant))
        return at_once

    @property
    def is_busy(self) -> bool:
        """Whether any waits here."""
        return bool(self._pending)

    def grants(self) -> list[Grant]:
        """Those that wait here."""
        return [grant for grant, _ in self._pending.values()]

    def stop(self, number: int, message: str) -> None:
        """End a grant, if it waits here."""
        if (pending := self._pending.pop(number, None)) is not None:
            grant, task = pending
            task.cancel()
            self.forget(number)
            self._failed(grant, reports.failed(grant, self._worker, Cause.CAUSE_CANCELLED, "Cancelled", message))

    def forget(self, number: int) -> None:
        """The grant has ended: its file is needed no longer."""
        if number in self._files:
            self._files.discard(number)
            with contextlib.suppress(OSError):
                self._path(number).unlink(missing_ok=True)

    async def close(self) -> None:
        tasks = [task for _, task in self._pending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"inputs-{number}"

    async def _prepare(self, grant: Grant) -> None:
        """Put the inputs into a file, however often it takes; then let the grant go on, or fail it."""
        number = grant.grant
        now = asyncio.get_running_loop().time
        give_back_at, pause_s = now() + HOLD_S, PAUSE_MIN_S
        failed: Report | None = None
        while True:
            try:
                self._files.add(number)
                async with self._at_once:
                    await self._write(grant)
                failed = None
                break
            except NotRecorded as error:
                failed = reports.failed(grant, self._worker, Cause.CAUSE_WORKER, "NotRecorded", str(error))
                break
            except Exception as error:
                text = f"the values of its arguments cannot be read here: {error}"
                if failed is None:
                    log.warning("%s; retrying for %.0f s", text, HOLD_S)
                failed = reports.failed(grant, self._worker, Cause.CAUSE_PREEMPTED, "Unavailable", text, returned=True)
            if now() >= give_back_at:
                break
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
        self._pending.pop(number, None)
        if failed is not None:
            self.forget(number)
            self._failed(grant, failed)
        else:
            self._ready(without_inputs(grant, str(self._path(number))))

    async def _write(self, grant: Grant) -> None:
        with self._path(grant.grant).open("wb") as file:
            if grant.inputs:
                await asyncio.to_thread(file.write, Grant(inputs=grant.inputs).SerializeToString())
            for at in range(0, len(grant.refs), REFS_AT_ONCE):
                refs = grant.refs[at : at + REFS_AT_ONCE]
                found = await self._read_values(grant.shard, [ref.seq for ref in refs])
                part = Grant(inputs=[NodeValues(node=ref.node, values=found[ref.seq]) for ref in refs])
                await asyncio.to_thread(file.write, part.SerializeToString())
