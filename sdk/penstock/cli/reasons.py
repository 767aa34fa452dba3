"""Why a run that is watched does not go on: said after a while without news, once for each reason."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ..errors import PenstockError
from . import terminal

if TYPE_CHECKING:
    from ..client import AsyncClient

QUIET_S = 5.0  # without an event
LINES_MAX = 3  # said at once
# What is as it should be, and no reason to say anything.
FINE = ("runs on worker", "is next on worker", "is being stopped", "has ended", "waits for the delay")


class Quiet:
    """Notes when something was heard last."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._heard = asyncio.Event()

    def note_news(self) -> None:
        """There is news of the run."""
        self._heard.set()

    async def say(self, client: AsyncClient, run_id: uuid.UUID) -> None:
        """Whenever nothing was heard for a while, say what is new of why; until cancelled."""
        while True:
            self._heard.clear()
            try:
                # Python 3.11's wait_for loses a cancellation that comes together with what it waits for.
                async with asyncio.timeout(QUIET_S):
                    await self._heard.wait()
            except TimeoutError:
                await self._ask(client, run_id)

    async def _ask(self, client: AsyncClient, run_id: uuid.UUID) -> None:
        try:
            waiting = await client.why(run_id)
        except PenstockError:
            return  # whoever follows the run says what is wrong
        new: dict[str, list[str]] = {}
        for node, text in waiting:
            if text not in self._said and not text.startswith(FINE):
                new.setdefault(text, []).append(node)
        for text, nodes in list(new.items())[:LINES_MAX]:
            self._said.add(text)
            more = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
            terminal.line(f"waits: {nodes[0]}{more}: {text}", to_stderr=True)


@asynccontextmanager
async def show_reasons(client: AsyncClient, run_id: uuid.UUID) -> AsyncGenerator[Quiet]:
    """Say why the run waits, until the block ends."""
    quiet = Quiet()
    saying = asyncio.create_task(quiet.say(client, run_id))
    try:
        yield quiet
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
