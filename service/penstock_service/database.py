"""One Postgres database, and the little of asyncpg that is used, typed."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, Protocol, cast

import asyncpg

from .errors import DatabaseAway

CONNECTIONS_MAX: Final = 8
CONNECT_MAX_S: Final = 10
CLOSE_MAX_S: Final = 5.0
STATEMENT_MAX_S: Final = 30.0
# For leases: one renews while the other takes. An answer that comes later than a lease lasts is worth nothing.
LEASE_CONNECTIONS_MAX: Final = 2
LEASE_STATEMENT_MAX_S: Final = 3.0

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
TROUBLE: Final[tuple[type[Exception], ...]] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What a connection says that was closed while it made another statement ready.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
# The server is not there, or not yet.
ABSENT: Final[tuple[type[Exception], ...]] = (asyncpg.CannotConnectNowError, OSError, TimeoutError)


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
    """A pool of connections, for one purpose: what waits in another pool does not delay this one."""

    def __init__(
        self, url: str, connections_max: int = CONNECTIONS_MAX, statement_max_s: float = STATEMENT_MAX_S
    ) -> None:
        self.url = url
        self._connections_max, self._statement_max_s = connections_max, statement_max_s
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._connections_max,
            timeout=CONNECT_MAX_S,
            command_timeout=self._statement_max_s,
            init=_set_codecs,
            server_settings={"jit": "off"},
        )

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            try:
                await asyncio.wait_for(pool.close(), CLOSE_MAX_S)
            except TROUBLE:
                pool.terminate()

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Connection]:
        """Lend a connection; raise DatabaseAway for what the server or the line does to it."""
        with _translated():
            async with self._pool.acquire() as connection:
                yield connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        with _translated():
            return await self._pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row:
        with _translated():
            return await self._pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        with _translated():
            return await self._pool.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        with _translated():
            return await self._pool.execute(query, *args)


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except DEFINITE:
        raise  # our mistake, not the database's absence
    except TROUBLE as error:
        raise DatabaseAway(str(error) or type(error).__name__) from error


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=_same, decoder=bytes, format="binary")


def _same(run_id: bytes) -> bytes:
    return run_id
