"""The simulated Postgres: what `asyncpg` is to the product. One statement is one step of the tables in `tables.py`.

A statement may fail before or after it was done; its connection is then gone, and it may land seconds later.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

import asyncpg

from .process import current_life
from .tables import Tables

if TYPE_CHECKING:
    from .world import World

STATEMENT_S = 0.001  # mean, each way
LATE_S = (0.5, 2.0, 4.0)
LANDS_AFTER_S = (0.0, 0.05, 1.0, 6.0)  # long after its writer has looked whether it was done


class Postgres:
    """The server."""

    def __init__(self, world: World, tables: Tables) -> None:
        self.world, self.tables = world, tables

    async def connect(self, *_: Any, command_timeout: float, **__: Any) -> Connection:
        """Stands for `asyncpg.connect`."""
        await self._reach()
        return Connection(self, command_timeout)

    async def create_pool(self, *_: Any, command_timeout: float, **__: Any) -> Pool:
        """Stands for `asyncpg.create_pool`."""
        await self._reach()
        return Pool(self, command_timeout)

    async def _reach(self) -> None:
        dice = self.world.dice
        await asyncio.sleep(dice.expovariate(1 / STATEMENT_S))
        if dice.random() < self.world.faults.statement_fails:
            raise ConnectionRefusedError("the database does not listen")


class Connection:
    """One session, of the life that opened it."""

    def __init__(self, server: Postgres, timeout_s: float) -> None:
        self._server, self._world, self._timeout_s = server, server.world, timeout_s
        self._life = current_life()
        self._is_closed = False

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        life, world = self._life, self._world
        if self._is_closed or not life.alive:
            raise asyncpg.InterfaceError("connection is closed")
        life.step()
        dice, faults = world.dice, world.faults
        there_s, back_s = (dice.expovariate(1 / STATEMENT_S) for _ in range(2))
        if dice.random() < faults.statement_late:
            late_s = dice.choice(LATE_S)
            there_s, back_s = (there_s + late_s, back_s) if dice.random() < 0.5 else (there_s, back_s + late_s)
        fate = dice.random()
        if fate < faults.statement_fails:
            await self._wait(there_s + back_s)
            raise self._broken()
        if fate < faults.statement_fails + faults.statement_unknown:
            late_s = dice.choice(LANDS_AFTER_S)
            world.loop.call_later(there_s + late_s, self._server.tables.land, query, args, context=Context())
            await self._wait(there_s + back_s)
            raise self._broken()
        answer: asyncio.Future[Any] = world.loop.create_future()
        world.loop.call_later(there_s, self._do, query, args, back_s, answer, context=Context())
        async with asyncio.timeout(self._timeout_s):
            rows = await answer
        life.step()
        if isinstance(rows, Exception):
            raise rows
        return rows

    def _do(self, query: str, args: Any, back_s: float, answer: asyncio.Future[Any]) -> None:
        try:
            rows: Any = self._server.tables.land(query, args)
        except asyncpg.PostgresError as error:
            rows = error
        self._world.loop.call_later(back_s, _settle, answer, rows, context=Context())

    async def _wait(self, seconds: float) -> None:
        async with asyncio.timeout(self._timeout_s):
            await asyncio.sleep(seconds)

    def _broken(self) -> Exception:
        self._is_closed = True
        return asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def fetchrow(self, query: str, *args: Any) -> Any:
        rows = await self.fetch(query, *args)
        return rows[0] if rows else None

    async def fetchval(self, query: str, *args: Any) -> Any:
        row = await self.fetchrow(query, *args)
        return None if row is None else row[0]

    async def execute(self, query: str, *args: Any) -> str:
        await self.fetch(query, *args)
        return ""

    async def cursor(self, query: str, *args: Any, prefetch: int = 0) -> AsyncIterator[Any]:
        for row in await self.fetch(query, *args):
            yield row

    @asynccontextmanager
    async def transaction(self, **_: Any) -> AsyncGenerator[None]:
        """Those that write more than one statement in one are about what nothing here depends on."""
        yield

    async def set_type_codec(self, *_: Any, **__: Any) -> None: ...

    def is_closed(self) -> bool:
        return self._is_closed

    async def close(self, **_: Any) -> None:
        self._is_closed = True

    def terminate(self) -> None:
        self._is_closed = True


class Pool:
    """As many sessions as are asked for, each for one statement; `acquire` lends one for several."""

    def __init__(self, server: Postgres, timeout_s: float) -> None:
        self._server, self._timeout_s = server, timeout_s

    def _session(self) -> Connection:
        return Connection(self._server, self._timeout_s)

    async def fetch(self, query: str, *args: Any, **_: Any) -> Sequence[Any]:
        return await self._session().fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any, **_: Any) -> Any:
        return await self._session().fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any, **_: Any) -> Any:
        return await self._session().fetchval(query, *args)

    async def execute(self, query: str, *args: Any, **_: Any) -> str:
        return await self._session().execute(query, *args)

    @asynccontextmanager
    async def acquire(self, **_: Any) -> AsyncGenerator[Connection]:
        yield self._session()

    async def close(self) -> None: ...

    def terminate(self) -> None: ...


def _settle(answer: asyncio.Future[Any], rows: Any) -> None:
    if not answer.done():
        answer.set_result(rows)
