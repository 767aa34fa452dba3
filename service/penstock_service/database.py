"""One Postgres database, and the little of asyncpg that is used, typed."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

import asyncpg
from asyncpg.protocol import protocol

from .errors import DatabaseAway, DatabaseBusy

CONNECTIONS_MAX: Final = 8
CONNECT_MAX_S: Final = 10
CLOSE_MAX_S: Final = 5.0
STATEMENT_MAX_S: Final = 30.0

# What is sent as an array. Of each element of an array asyncpg asks whether it holds others, by abstract classes, which
# takes several times as long as to write it: all columns of a commit are arrays.
ARRAYS: Final = (list, tuple, set, frozenset, range)
for _name in ("IterableABC", "SizedABC"):
    if hasattr(protocol, _name):
        setattr(protocol, _name, ARRAYS)

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


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pool of connections may take.

    Attributes:
        waiting_max: Statements that may wait for a connection; more are refused as DatabaseBusy. None: any number.
        answer_max_s: After which the server itself gives a statement up, which is answered as DatabaseBusy; 0: never.
    """

    connections_max: int = CONNECTIONS_MAX
    statement_max_s: float = STATEMENT_MAX_S
    waiting_max: int | None = None
    answer_max_s: float = 0.0


USUAL: Final = Limits()
# One renews while the other takes. An answer that comes later than a lease lasts is worth nothing.
LEASING: Final = Limits(connections_max=2, statement_max_s=3.0)
# Lists and histories, of which anybody may ask for as many as he likes.
LOOKING: Final = Limits(connections_max=4, waiting_max=100, answer_max_s=2.0)
RETRY_AFTER_S: Final = 1.0


class Connection(Protocol):
    async def fetch(self, query: str, *args: object) -> Sequence[Row]: ...
    async def fetchrow(self, query: str, *args: object) -> Row: ...
    async def fetchval(self, query: str, *args: object) -> Any: ...
    async def execute(self, query: str, *args: object) -> str: ...
    def cursor(self, query: str, *args: object, prefetch: int) -> AsyncIterator[Row]: ...
    def transaction(self) -> AbstractAsyncContextManager[None]: ...
    async def close(self) -> None: ...
    def terminate(self) -> None: ...
    def is_closed(self) -> bool: ...


async def connect(
    url: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    connect_max_s: int = CONNECT_MAX_S,
    statement_max_s: float = STATEMENT_MAX_S,
) -> Connection:
    """Open a connection; UUIDs, such as run ids, are 16 bytes on it, as on the wire.

    Args:
        settings: Of the Postgres server, for this connection.
    """
    connection = await asyncpg.connect(
        url, timeout=connect_max_s, command_timeout=statement_max_s, server_settings={"jit": "off", **settings}
    )
    await _set_codecs(connection)
    return cast(Connection, connection)


class Database:
    """A pool of connections, for one purpose: what waits in another pool does not delay this one."""

    def __init__(self, url: str, limits: Limits = USUAL) -> None:
        self.url = url
        self._limits = limits
        self._pool: Any = None
        self._asked = 0

    async def open(self, *, connects: bool = True) -> None:
        """Connect, or without `connects` only when the first statement does: the server may be away."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1 if connects else 0,
            max_size=self._limits.connections_max,
            timeout=CONNECT_MAX_S,
            command_timeout=self._limits.statement_max_s,
            init=_set_codecs,
            server_settings={"jit": "off", "statement_timeout": f"{self._limits.answer_max_s * 1000:.0f}"},
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
        with self._translate_errors():
            async with self._pool.acquire() as connection:
                yield connection

    async def fetch(self, query: str, *args: object) -> Sequence[Row]:
        with self._translate_errors():
            return await self._pool.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Row:
        with self._translate_errors():
            return await self._pool.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        with self._translate_errors():
            return await self._pool.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        with self._translate_errors():
            return await self._pool.execute(query, *args)

    @contextmanager
    def _translate_errors(self) -> Generator[None]:
        waiting_max = self._limits.waiting_max
        if waiting_max is not None and self._asked - self._limits.connections_max >= waiting_max:
            raise DatabaseBusy(f"{waiting_max} lists and histories wait for the database", RETRY_AFTER_S)
        self._asked += 1
        try:
            yield
        except asyncpg.QueryCanceledError as error:
            if not self._limits.answer_max_s:
                raise DatabaseAway(str(error)) from error
            text = f"the database did not answer within {self._limits.answer_max_s:g} s"
            raise DatabaseBusy(text, RETRY_AFTER_S) from error
        except DEFINITE:
            raise  # our mistake, not the database's absence
        except TROUBLE as error:
            raise DatabaseAway(str(error) or type(error).__name__) from error
        finally:
            self._asked -= 1


async def _set_codecs(connection: Any) -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=_same, decoder=bytes, format="binary")


def _same(run_id: bytes) -> bytes:
    return run_id
