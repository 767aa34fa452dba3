"""How runs end, told over one stream for any number of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from penstock_proto.state_tracker.v1 import service_pb2

from .connection import Connection, Retry, code_name
from .errors import ClientError, NoSuchRun, Refused

# Runs asked for in one message.
RUNS_MAX = 10_000


class Results:
    """Waits for the ends of runs; its stream stays open once there is one, and is opened again if it breaks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[bytes, asyncio.Future[service_pb2.RunResult]] = {}
        self._asked: list[bytes] = []
        self._more = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def wait(self, run_id: bytes) -> service_pb2.RunResult:
        """Return how the run has ended, as soon as it has; raise NoSuchRun, Unreachable, Refused."""
        future = self._waiting.get(run_id)
        if future is None:
            future = self._waiting[run_id] = asyncio.get_running_loop().create_future()
            self._asked.append(run_id)
            self._more.set()
            if self._reader is None:
                self._reader = asyncio.create_task(self._read())
        # Several may wait for the same run, and one of them giving up is not the end for the others.
        return await asyncio.shield(future)

    async def close(self) -> None:
        if (reader := self._reader) is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self) -> None:
        retry = Retry(self._connection.address, self._connection.patience_s)
        try:
            while True:
                self._asked = list(self._waiting)
                self._more.set()
                stream = self._connection.stream("state_tracker", "Results", self._requests(), retry=retry)
                async with aclosing(stream):
                    async for response in stream:
                        for result in response.results:
                            self._ended(result)
        except Exception as error:
            self._fail_all(error if isinstance(error, ClientError) else Refused("INTERNAL", repr(error)))
        finally:
            self._reader = None

    async def _requests(self) -> AsyncGenerator[service_pb2.ResultsRequest]:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._asked:
                asked, self._asked = self._asked[:RUNS_MAX], self._asked[RUNS_MAX:]
                yield service_pb2.ResultsRequest(run_ids=asked)

    def _ended(self, result: Any) -> None:
        future = self._waiting.pop(bytes(result.run_id), None)
        if future is None or future.done():
            return
        if not result.code:
            future.set_result(result)
        elif code_name(result.code) == "NOT_FOUND":
            future.set_exception(NoSuchRun(result.run_id.hex()))
        else:
            future.set_exception(Refused(code_name(result.code), result.detail))

    def _fail_all(self, error: ClientError) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # seen, also if nobody waits any more
