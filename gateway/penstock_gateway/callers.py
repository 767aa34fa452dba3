"""A client for each token that callers send: what one caller may read is never kept where another one finds it."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .api.context import Context

CALLERS_MAX: Final = 1_000
# A token that is not used for so long is forgotten; an access token lasts less.
IDLE_S: Final = 600.0
# What is being answered for a token that had to make room ends within this time.
CLOSE_AFTER_S: Final = 60.0


@dataclass(slots=True)
class _Caller:
    context: Context
    used_s: float


class Callers:
    """Contexts by token, the one that was used last at the end.

    Args:
        make: Makes the context of a token; it is not connected yet.
    """

    def __init__(self, make: Callable[[str], Context]) -> None:
        self._make = make
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def context(self, token: str) -> Context:
        """Return what a request with this token works with."""
        now_s = time.monotonic()
        found = self._callers.get(token)
        if found is None:
            found = self._callers[token] = _Caller(self._make(token), now_s)
            self._forget(now_s)
        found.used_s = now_s
        self._callers.move_to_end(token)
        return found.context

    async def close(self) -> None:
        callers, self._callers = list(self._callers.values()), OrderedDict()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*(_close(one.context) for one in callers), *self._closing, return_exceptions=True)

    def _forget(self, now_s: float) -> None:
        while self._callers:
            token, oldest = next(iter(self._callers.items()))
            is_idle = now_s - oldest.used_s > IDLE_S and not oldest.context.feeds.is_watched
            if not is_idle and len(self._callers) <= CALLERS_MAX:
                return
            del self._callers[token]
            task = asyncio.create_task(_close_later(oldest.context), name="caller")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close_later(context: Context) -> None:
    try:
        await asyncio.sleep(CLOSE_AFTER_S)
    finally:
        await _close(context)


async def _close(context: Context) -> None:
    await context.feeds.close()
    await context.run_changes.close()
    await context.client.close()
