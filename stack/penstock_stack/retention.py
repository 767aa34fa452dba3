"""A stack that does not fill up its disk: now and then, runs that are old and what only they refer to are removed."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from penstock.client import AsyncClient
from penstock.errors import PenstockError

# What workers and clients hold from before the start is recorded by then.
FIRST_AFTER_S: Final = 600.0
EVERY_S: Final = 3600.0

log = logging.getLogger(__name__)


class Retention:
    """Removes ended runs once they are older, until `stop`."""

    def __init__(
        self,
        address: str,
        older_than_s: float,
        token: Callable[[], str] = str,
        *,
        first_after_s: float = FIRST_AFTER_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._address, self._older_than_s, self._token = address, older_than_s, token
        self._task = asyncio.create_task(self._keep(first_after_s, every_s))

    async def stop(self) -> None:
        """Return when nothing is removed any longer; what was begun goes on at the next start."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self, first_after_s: float, every_s: float) -> None:
        await asyncio.sleep(first_after_s)
        while True:
            try:
                async with AsyncClient(self._address, program="penstock-retention", token=self._token()) as client:
                    removed = await client.collect(self._older_than_s)
                log.info(
                    "retention: removed %d runs and %d artifacts (%d bytes)",
                    len(removed.runs), removed.artifacts, removed.artifacts_bytes + removed.logs_bytes,
                )  # fmt: skip
            except PenstockError as error:
                log.warning("retention: nothing could be removed, retrying in %g s: %s", every_s, error)
            except Exception:
                log.exception("retention: nothing could be removed, retrying in %g s", every_s)
            await asyncio.sleep(every_s)
