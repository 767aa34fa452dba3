"""What operators print, shown while a run is followed: all of it if asked for, otherwise when nothing else happens."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from ..client.runs import LogLine
from ..errors import PenstockError

if TYPE_CHECKING:
    from ..client import AsyncClient

# A run that ends sooner is not asked for what it prints, unless all of it is wanted.
SHORT_S = 1.0
QUIET_S = 5.0  # without an event
LINES_HELD_MAX = 20


class Printed:
    """Hands lines on at once, or holds the last of them until nothing else has happened for a while."""

    def __init__(self, show: Callable[[LogLine], None], *, at_once: bool) -> None:
        self._show = show
        self._at_once = at_once
        self._held: deque[LogLine] = deque(maxlen=LINES_HELD_MAX)
        self._heard_at = 0.0

    def heard(self, now_s: float) -> None:
        """Take in that something else happened: what was printed before is no longer news."""
        self._heard_at = now_s
        self._held.clear()

    def take(self, line: LogLine, now_s: float) -> None:
        if self._at_once:
            self._show(line)
            return
        self._held.append(line)
        self.tick(now_s)

    def tick(self, now_s: float) -> None:
        """Show what is held if it has been quiet for long enough."""
        if now_s - self._heard_at >= QUIET_S:
            while self._held:
                self._show(self._held.popleft())


@asynccontextmanager
async def followed(
    client: AsyncClient, run_id: uuid.UUID, printed: Printed, *, every: bool
) -> AsyncGenerator[Callable[[], None]]:
    """Follow what a run prints until the block ends, with `every` to its last line; yield what notes an event."""
    loop = asyncio.get_running_loop()
    printed.heard(loop.time())
    task = asyncio.create_task(_follow(client, run_id, printed, every))
    ticking = asyncio.create_task(_tick(printed))
    try:
        yield lambda: printed.heard(loop.time())
        if every:
            await asyncio.gather(task, return_exceptions=True)
    finally:
        for each in (task, ticking):
            each.cancel()
        await asyncio.gather(task, ticking, return_exceptions=True)


async def _follow(client: AsyncClient, run_id: uuid.UUID, printed: Printed, every: bool) -> None:
    if not every:
        await asyncio.sleep(SHORT_S)
    loop = asyncio.get_running_loop()
    try:
        async with aclosing(client.logs(run_id, follow=True)) as lines:
            async for line in lines:
                printed.take(line, loop.time())
    except PenstockError:
        return  # the command that follows the run says what is wrong


async def _tick(printed: Printed) -> None:
    """A line may have come before it was quiet for long enough."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(QUIET_S / 5)
        printed.tick(loop.time())
