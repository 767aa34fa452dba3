"""An event loop whose clock is virtual: it jumps to the next timer; hours take milliseconds and repeat exactly.

Each callback belongs to the gate that its context names, if any: a process, which may stand still or be dead.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context, ContextVar
from typing import Any, Protocol

STARTS_AT_S = 1000.0  # a clock that begins at 0 hides those who take 0 for "never"


class Gate(Protocol):
    """Decides whether a callback may run now."""

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether it may run; if not, it is dropped, unless the gate kept it and resumes it later."""
        ...


GATE: ContextVar[Gate | None] = ContextVar("gate", default=None)


class Stalled(Exception):
    """Nothing is left to happen, and somebody still waits."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs callbacks in the order of their times; no thread, no signal, no socket takes part."""

    def __init__(self) -> None:
        self.now = STARTS_AT_S
        super().__init__(_Clock(self))

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def resume(self, handles: Iterable[asyncio.Handle]) -> None:
        """Run callbacks that a gate kept, in their order; those that were cancelled since are skipped."""
        self._ready.extend(handles)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do it at once: a thread would run beside the virtual clock."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class _Handle(asyncio.Handle):
    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(GATE)
        if gate is None or gate.admits(self):
            super()._run()


class _Timer(asyncio.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        gate = self._context.get(GATE)
        if gate is None or gate.admits(self):
            super()._run()


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
