"""Plans and bundles brought to the worker's disk, each once, before an action that needs them is handed over."""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from penstock.compiler.bundle import ARCHIVE_BYTES_MAX, BundleError, BundleTooLarge, unpack
from penstock_artifact_store import ArtifactDamaged, ArtifactMissing, BadHash
from penstock_proto.state_tracker.v1.events_pb2 import Cause

from .errors import BadPlan, NotRecorded
from .executor import Context

PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 2.0  # between tries; they double
HOLD_S = 60.0  # what cannot be fetched for so long is given back: another worker may reach more
_HOPELESS = (BundleError, BadPlan, NotRecorded, ArtifactMissing, ArtifactDamaged, BadHash)

log = logging.getLogger(__name__)


class Unavailable(Exception):
    """The thing cannot be had; `cause` says what that means for an action that needs it.

    With `returned`, it cannot be had here and now: the action is given back as if it had never come.
    """

    def __init__(self, cause: Cause, message: str, *, returned: bool = False) -> None:
        super().__init__(message)
        self.cause, self.message, self.returned = cause, message, returned


class Prepared:
    """What is on the disk. `done` is called whenever more is, or is known not to come."""

    def __init__(self, context: Context, done: Callable[[bytes, Unavailable | None], None]) -> None:
        self.plans_folder = context.scratch / "plans"
        self._bundles_folder = context.scratch / "bundles"
        for folder in (self.plans_folder, self._bundles_folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._context = context
        self._done = done
        self._plans: set[bytes] = set()
        self._bundles: dict[bytes, str] = {b"": ""}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}

    def has_plan(self, plan: bytes) -> bool:
        """Whether a process can read the plan; if not, it is fetched from now on."""
        if plan in self._plans:
            return True
        self._begin(plan, self._fetch_plan)
        return False

    def bundle(self, bundle: bytes) -> str | None:
        """Folder of the bundle, "" for none; None: it is fetched from now on."""
        folder = self._bundles.get(bundle)
        if folder is None:
            self._begin(bundle, self._fetch_bundle)
        return folder

    async def close(self) -> None:
        """Stop fetching."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, name: bytes, fetch: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        if name not in self._tasks:
            self._tasks[name] = asyncio.get_running_loop().create_task(self._run(name, fetch))

    async def _run(self, name: bytes, fetch: Callable[[bytes], Coroutine[Any, Any, None]]) -> None:
        problem: Unavailable | None = None
        now = asyncio.get_running_loop().time
        give_back_at, pause_s = now() + HOLD_S, PAUSE_MIN_S
        while True:
            try:
                await fetch(name)
                problem = None
                break
            except _HOPELESS as error:
                problem = Unavailable(Cause.CAUSE_NOT_LOADABLE, f"{name.hex()[:12]}: {error}; run the workflow again")
                break
            except Exception as error:
                text = f"{name.hex()[:12]} could not be downloaded: {error}"
                if problem is None:
                    log.warning("%s; retrying for %.0f s", text, HOLD_S)
                problem = Unavailable(Cause.CAUSE_PREEMPTED, text, returned=True)
            if now() >= give_back_at:
                break
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
        del self._tasks[name]
        self._done(name, problem)

    async def _fetch_plan(self, plan: bytes) -> None:
        data = await self._context.plan(plan)
        if hashlib.sha256(data).digest() != plan:
            raise BadPlan(plan)
        path = self.plans_folder / plan.hex()
        await asyncio.to_thread(_write, path, data)
        self._plans.add(plan)

    async def _fetch_bundle(self, bundle: bytes) -> None:
        self._bundles[bundle] = await asyncio.to_thread(self._unpack, bundle)

    def _unpack(self, bundle: bytes) -> str:
        """Anything may be called a bundle: one that is too large is not even read."""
        if (size := self._context.store.size(bundle)) > ARCHIVE_BYTES_MAX:
            raise BundleTooLarge(f"the bundle has {size} bytes; the limit is {ARCHIVE_BYTES_MAX}")
        return str(unpack(self._context.store.get(bundle), self._bundles_folder))


def _write(path: Path, data: bytes) -> None:
    """Readers see all of the file or none."""
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
