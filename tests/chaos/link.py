"""A line of the network that can be cut, or go dead without a word."""

import asyncio
from contextlib import suppress

CHUNK_BYTES = 1 << 16


class Link:
    """Carries TCP connections from a port of its own to an address.

    Attributes:
        carried: Connections that were ever made through it.
    """

    def __init__(self, upstream: str) -> None:
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._down = False
        self.carried = 0

    async def open(self) -> str:
        """Listen; return HOST:PORT for who shall be connected through it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End all connections, and take no other until it is mended."""
        self._down = True
        lines = list(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def hold(self) -> None:
        """Carry nothing more, and let nobody know: what is sent now is late, or never arrives."""
        self._flows.clear()

    async def mend(self) -> None:
        self._down = False
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            if not self._down:
                await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an end of a connection like any other, for both sides
        finally:
            self._lines.discard(line)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        self.carried += 1
        ways = [
            asyncio.create_task(self._copy(reader, up_writer)),
            asyncio.create_task(self._copy(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
