"""Tables that one process of several writes at a time: the one whose connection holds a lock of Postgres."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from .database import TROUBLE, Connection, connect
from .errors import NotWriter
from .process import retry_until_available

ASK_AGAIN_S: Final = 1.0

T = TypeVar("T")


class WriterLock:
    """The one connection that may write; Postgres holds the lock that says so for as long as it lives."""

    def __init__(self, url: str, key: int, name: str) -> None:
        """`key` is the lock's number in the database, and `name` the application's name of the connection."""
        self._url, self._key, self._name = url, key, name
        self._connection: Connection | None = None

    async def acquire(self) -> Connection | None:
        """Try to become the one that writes. None: another process is.

        Raises one of `TROUBLE` while Postgres is unavailable.
        """
        self.release()
        connection = self._connection = await connect(self._url, {"application_name": self._name})
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key):
            return connection
        self.release()
        return None

    def release(self) -> None:
        """Give the lock back; harmless when repeated."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    @property
    def connection(self) -> Connection:
        """The connection that may write; raises NotWriter."""
        connection = self._connection
        if connection is None or connection.is_closed():
            raise NotWriter("the connection to Postgres was lost")
        return connection


class Turns:
    """The times at which this process is the one that writes.

    Attributes:
        is_standing_by: Whether another process wrote when this one tried last.
    """

    def __init__(self) -> None:
        self.is_standing_by = False

    async def take(
        self,
        acquire: Callable[[], Awaitable[T | None]],
        write: Callable[[T], Awaitable[None]],
        release: Callable[[], None],
        what: str,
        log: logging.Logger,
    ) -> None:
        """Write whenever no other process does, for ever.

        Args:
            acquire: Return what to begin with; None: another process writes. It may raise one of `TROUBLE`.
            write: Write until that is no longer possible.
            release: Let another process write.
            what: What is written, for the log.
        """
        while True:
            begin = await retry_until_available(acquire, TROUBLE, "Postgres")
            self.is_standing_by = begin is None
            if begin is not None:
                try:
                    await write(begin)
                except NotWriter as error:
                    log.warning("writing begins again: %s", error)
                except TROUBLE as error:
                    log.warning("cannot write %s, retrying: %s", what, error or type(error).__name__)
                except Exception:
                    log.exception("cannot write %s, retrying", what)
                finally:
                    release()
            await asyncio.sleep(ASK_AGAIN_S)
