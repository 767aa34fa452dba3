"""Writers take turns: whatever Postgres does to one, it tries again, and two never write at once."""

import asyncio
import logging

import asyncpg
from penstock_service.errors import NotWriter
from penstock_service.sole_writer import Turns, WriterLock

from tests.waiting import WAIT_S

log = logging.getLogger(__name__)


async def test_one_connection_has_the_lock_until_it_is_gone(database_url: str) -> None:
    first, second = WriterLock(database_url, 4711, "first"), WriterLock(database_url, 4711, "second")
    assert await first.acquire() is not None
    assert await second.acquire() is None
    first.release()
    async with asyncio.timeout(WAIT_S):
        while await second.acquire() is None:
            await asyncio.sleep(0.01)
    await second.connection.fetchval("SELECT 1")
    second.release()


async def test_a_writer_tries_again_after_every_trouble() -> None:
    happened: list[str] = []
    done = asyncio.Event()
    troubles: list[Exception | None] = [asyncpg.InterfaceError("away"), asyncpg.DiskFullError("full"), None]

    async def acquire() -> str | None:
        if troubles and (trouble := troubles.pop(0)) is not None:
            raise trouble
        return "begun"

    endings: list[Exception] = [NotWriter("lost"), OSError("line"), ValueError("a mistake of ours")]

    async def write(begun: str) -> None:
        happened.append(begun)
        if not endings:
            done.set()
            await asyncio.Event().wait()
        raise endings.pop(0)

    turns = Turns()
    task = asyncio.create_task(turns.take(acquire, write, lambda: happened.append("released"), "the tables", log))
    async with asyncio.timeout(WAIT_S):
        await done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert happened == ["begun", "released"] * 4
    assert not turns.is_standing_by
