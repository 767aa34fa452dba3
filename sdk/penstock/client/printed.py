"""What operators print, read from the artifact store: line by line, and on after a connection has broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass

from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.plan.v1 import plan_pb2

from .connection import Connection, Retry
from .runs import LogLine

# After a run has ended, how long the last lines that its operators printed are waited for.
LAST_LINES_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which lines: all by default. Times are microseconds of Unix time.

    Attributes:
        from_us: Lines that were printed then or later.
        last: Only so many of the last lines, at most 20,000; of those before `before_us`, if that is not 0.
        text: Only lines with this text, in any case.
    """

    from_us: int = 0
    last: int = 0
    before_us: int = 0
    text: str = ""


ALL = Window()


async def wait_last_lines(ended: Awaitable[object]) -> None:
    """Wait until a run has ended and its last lines have arrived."""
    await ended
    await asyncio.sleep(LAST_LINES_S)


class Reader:
    """Reads the lines of a run, or of one node of it; -1 is all of them."""

    def __init__(
        self,
        connection: Connection,
        plan: plan_pb2.Plan,
        run_id: bytes,
        node: int,
        grown: Callable[[], Awaitable[plan_pb2.Plan]],
        window: Window = ALL,
    ) -> None:
        """`grown` returns the plan with the nodes that maps have added by now."""
        self._connection, self._plan, self._run_id, self._node = connection, plan, run_id, node
        self._grown = grown
        self._window = asdict(window)
        # Lines of each execution that were handed on.
        self._seen: dict[bytes, int] = {}

    async def lines(self, ending: asyncio.Task[None] | None) -> AsyncGenerator[LogLine]:
        """Yield what is there; with `ending` also what follows, until that is done."""
        for following in (True, False) if ending else (False,):
            retry = await self._connection.retry("artifact_store")
            until = ending if following else None
            while not retry.is_finished and not (until is not None and until.done()):
                # A broken connection is taken up again: what was seen comes again, and is passed over.
                coming: dict[bytes, int] = {}
                async with aclosing(self._chunks(retry, until)) as chunks:
                    async for chunk in chunks:
                        if chunk.key.node >= len(self._plan.nodes):
                            self._plan = await self._grown()
                        for line in self._lines(chunk, self._count_seen(chunk, coming)):
                            yield line
        if ending is not None:
            await ending

    async def _chunks(
        self, retry: Retry, until: asyncio.Task[None] | None
    ) -> AsyncGenerator[artifact_pb2.ReadLogResponse]:
        request = artifact_pb2.ReadLogRequest(
            run_id=self._run_id, node=self._node, follow=until is not None, **self._window
        )
        async with aclosing(self._connection.stream("artifact_store", "ReadLog", request, retry)) as stream:
            while True:
                following = asyncio.ensure_future(anext(stream, None))
                await asyncio.wait({following, until} if until else {following}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
                    return
                if (chunk := following.result()) is None:
                    return
                yield chunk

    def _count_seen(self, chunk: artifact_pb2.ReadLogResponse, coming: dict[bytes, int]) -> int:
        """Count a chunk's lines; return how many of them, its first ones, came by another connection before."""
        key = chunk.key.SerializeToString(deterministic=True)
        began = coming.get(key, 0)
        coming[key] = began + len(chunk.lines)
        skip = min(max(self._seen.get(key, 0) - began, 0), len(chunk.lines))
        self._seen[key] = max(self._seen.get(key, 0), coming[key])
        return skip

    def _lines(self, chunk: artifact_pb2.ReadLogResponse, skip: int) -> list[LogLine]:
        nodes = self._plan.nodes
        name = nodes[chunk.key.node].name if 0 <= chunk.key.node < len(nodes) else "?"
        return [LogLine(name, chunk.key.attempt, line.at_us, line.text) for line in chunk.lines[skip:]]
