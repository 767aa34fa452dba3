"""A line to Postgres that can be cut at the worst moment: after a statement has run and before its answer arrives."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

PORT = 5432
# Tag of the message that begins the execution of a prepared statement, in what a client sends.
EXECUTE = b"E\0\0\0"
COMMIT = b"COMMIT"


class Proxy:
    """Between asyncpg and a server, over unix sockets.

    Attributes:
        cut_requests, cut_answers: How many of the next executions shall be cut before the server, or on the way back.
        cut_commits: How many of the next ends of transactions shall be cut on the way back.
        passed: Executions that pass before the first is cut.
    """

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_requests = 0
        self.cut_answers = 0
        self.cut_commits = 0
        self.passed = 0
        self.down = False
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.down:
                await self._carry(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(str(self._upstream / f".s.PGSQL.{PORT}"))
        swallow = asyncio.Event()

        async def forth() -> None:
            while data := await reader.read(2**20):
                if COMMIT in data and self.cut_commits:
                    self.cut_commits -= 1
                    self.cuts += 1
                    swallow.set()
                elif EXECUTE in data and self.passed:
                    self.passed -= 1
                elif EXECUTE in data:
                    if self.cut_requests:
                        self.cut_requests -= 1
                        self.cuts += 1
                        return
                    if self.cut_answers:
                        self.cut_answers -= 1
                        self.cuts += 1
                        swallow.set()
                up_writer.write(data)
                await up_writer.drain()

        async def back() -> None:
            while data := await up_reader.read(2**20):
                if swallow.is_set():
                    return  # it has run, and nobody will hear of it
                writer.write(data)
                await writer.drain()

        both = [asyncio.create_task(forth()), asyncio.create_task(back())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.close()  # first: a second cut ends the wait
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    def cut_all(self) -> None:
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def proxied(url: str) -> AsyncGenerator[tuple[str, Proxy]]:
    """Put a proxy before a database; yield the DSN through it."""
    parts = urlsplit(url)
    upstream = Path(parse_qs(parts.query)["host"][0])
    folder = Path(tempfile.mkdtemp(prefix="penstock-proxy-"))
    proxy = Proxy(upstream)
    server = await asyncio.start_unix_server(proxy.serve, path=str(folder / f".s.PGSQL.{PORT}"))
    try:
        yield f"postgresql://postgres@{parts.path}?host={quote(str(folder), safe='')}&port={PORT}", proxy
    finally:
        server.close()
        proxy.cut_all()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)
        shutil.rmtree(folder)
