"""An event loop whose clock is virtual: it jumps to the next timer; hours take milliseconds and repeat exactly."""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class Stalled(Exception):
    """Nothing is left to happen, and somebody still waits."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs callbacks in the order of their times; no thread, no signal, no socket takes part."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Clock(self))

    def time(self) -> float:
        return self.now


class _Clock(selectors.BaseSelector):
    """Stands where the loop would wait for sockets: lets the clock jump instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stalled("nothing is left to happen")
        self._loop.now += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys
