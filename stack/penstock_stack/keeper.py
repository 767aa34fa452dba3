"""Keeps the embedded Postgres up: what ends by itself is started again, on the same socket."""

import asyncio
import logging
from typing import Final

from .errors import StackError
from .postgres import EmbeddedPostgres

LOOK_EVERY_S: Final = 0.25
AGAIN_AFTER_MIN_S: Final = 0.5
AGAIN_AFTER_MAX_S: Final = 30.0

log = logging.getLogger(__name__)


class Keeper:
    """Restarts a server when it exits, until `stop`. Runs wait meanwhile, as with any unavailable database."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Return when the server will no longer be restarted."""
        self._stopping.set()
        await self._task

    async def _keep(self) -> None:
        pause_s = AGAIN_AFTER_MIN_S
        while not await self._wait_stopped(LOOK_EVERY_S):
            if not self._postgres.has_ended:
                continue
            log.error("the embedded Postgres exited unexpectedly; restarting it")
            try:
                await asyncio.to_thread(self._postgres.restart)
            except StackError as error:
                log.error("the embedded Postgres failed to start, retrying in %g s: %s", pause_s, error)
                if await self._wait_stopped(pause_s):
                    return
                pause_s = min(2 * pause_s, AGAIN_AFTER_MAX_S)
            else:
                log.info("the embedded Postgres was restarted as process %d", self._postgres.pid)
                pause_s = AGAIN_AFTER_MIN_S

    async def _wait_stopped(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True
