"""What the worker's operators print, written to the artifact store's log files beside the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from penstock_artifact_store import ArtifactStoreError, LocalStore
from penstock_artifact_store.logs import LogKey, LogWriter
from penstock_artifact_store.progress import write_progress
from penstock_proto.action_service.v1.worker_pb2 import Grant
from penstock_proto.artifact_store.v1.service_pb2 import Progress

# Lines that wait for the disk; beyond, they are dropped, and that is said.
PENDING_MAX = 200_000
log = logging.getLogger(__name__)


class Printed:
    """Takes lines without waiting; one thread at a time writes them."""

    def __init__(self, store: LocalStore) -> None:
        self._folder = store.folder
        self._pending: dict[LogKey, list[tuple[int, str]]] = {}
        self._progress: dict[LogKey, Progress] = {}  # the latest of each
        self._count = self._dropped = 0
        self._writing: asyncio.Task[None] | None = None

    def __call__(self, grant: Grant, lines: Sequence[str]) -> None:
        if self._count + len(lines) > PENDING_MAX:
            self._dropped += len(lines)
            return
        now_us = time.time_ns() // 1000
        self._pending.setdefault(_key(grant), []).extend((now_us, text) for text in lines)
        self._count += len(lines)
        self._write_soon()

    def progress(self, grant: Grant, progress: Progress) -> None:
        self._progress[_key(grant)] = progress
        self._write_soon()

    async def stop(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            await self._writing

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._pending or self._progress:
                pending, self._pending, self._count = self._pending, {}, 0
                progress, self._progress = self._progress, {}
                await asyncio.to_thread(self._write, pending, progress)
        finally:
            self._writing = None
        if self._dropped:
            log.warning("%d lines of operators' output were dropped: the disk is too slow", self._dropped)
            self._dropped = 0

    def _write(self, pending: dict[LogKey, list[tuple[int, str]]], said: dict[LogKey, Progress]) -> None:
        for key, lines in pending.items():
            writer = LogWriter(self._folder, key)
            try:
                writer.append(lines)
            except (ArtifactStoreError, OSError) as error:
                log.warning("%d lines of operators' output were lost: %s", len(lines), error)
            finally:
                writer.close()
        for key, progress in said.items():
            try:
                write_progress(self._folder, key, progress)
            except (ArtifactStoreError, OSError) as error:
                log.warning("the progress of an operator was not written: %s", error)


def _key(grant: Grant) -> LogKey:
    return LogKey(grant.run_id, grant.node, tuple(grant.item), grant.attempt, grant.grant)
