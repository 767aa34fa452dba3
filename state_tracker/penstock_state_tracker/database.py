"""One Postgres database, and the little of asyncpg that is used, typed."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol, cast

import asyncpg

CONNECTIONS_MAX: Final = 8
CONNECT_MAX_S: Final = 10
STATEMENT_MAX_S: Final = 30.0

# A row: by name, by position, or unpacked; None where there is none.
Row = Any

# The server refuses the statement, whenever it is asked: trying again changes nothing.
DEFINITE: Final[tuple[type[Exception], ...]] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.ProgramLimitExceededError,
)
# All else that a statement may end with: the connection, the server, the disk; trying again may help.
TROUBLE: Final[tuple[type[Exception], ...]] = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Connection(Protocol):
    async def fetch(self, query: str, *args: object) -> Sequence[Row]: ...
    async def fetchrow(self, query: str, *args: object) -> Row: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...
    def cursor(self, query: str, *args: object, prefetch: int) -> AsyncIterator[Row]: ...
    def transaction(self) -> AbstractAsyncContextManager[None]: ...
    async def close(self) -> None: ...
    def terminate(self) -> None: ...


async def connect(url: str, **settings: str) -> Connection:
    """Open a connection; run ids are 16 bytes on it, as on the wire."""
    connection = await asyncpg.connect(
        url, timeout=CONNECT_MAX_S, command_timeout=STATEMENT_MAX_S, server_settings={"jit": "off", **settings}
    )
    await _set_codecs(connection)
    return cast(Connection, connection)


class Database:
    """A pool of connections for everything but the commits."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_MAX_S,
            command_timeout=STATEMENT_MAX_S,
            init=_set_codecs,
            server_settings={"jit": "off"},
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Connection]:
        async with self._pool.acquire() as connection:
            yield connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        return await self._pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row:
        return await self._pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        return await self._pool.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        return await self._pool.execute(query, *args)


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=_same, decoder=bytes, format="binary")


def _same(run_id: bytes) -> bytes:
    return run_id
