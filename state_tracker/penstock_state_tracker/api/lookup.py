"""Rows of runs by id, for many callers at once: those who ask while a query runs share the next."""

import asyncio
from collections.abc import Sequence
from typing import Final

from penstock_service.database import Database, Row

from . import runs

RUNS_AT_ONCE_MAX: Final = 5_000

Found = dict[bytes, Row]


class Lookup:
    """Of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[Found]]] = []
        self._task: asyncio.Task[None] | None = None

    async def find(self, run_ids: Sequence[bytes]) -> Found:
        """Return rows, these runs' among them as far as they exist; raise DatabaseAway."""
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((run_ids, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._gather())
        finally:
            self._task = None

    def _gather(self) -> list[tuple[Sequence[bytes], asyncio.Future[Found]]]:
        gathered: list[tuple[Sequence[bytes], asyncio.Future[Found]]] = []
        count = 0
        while self._waiting and count < RUNS_AT_ONCE_MAX:
            gathered.append(self._waiting.pop(0))
            count += len(gathered[-1][0])
        return gathered

    async def _answer(self, gathered: Sequence[tuple[Sequence[bytes], asyncio.Future[Found]]]) -> None:
        try:
            found = await runs.by_id(self._database, [run_id for run_ids, _ in gathered for run_id in run_ids])
        except Exception as error:  # each caller gets it
            for _, future in gathered:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in gathered:
            if not future.done():
                future.set_result(found)
