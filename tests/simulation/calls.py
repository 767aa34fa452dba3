"""Calls between simulated processes: they may be lost on the way there or back, and say so only by silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock_stream.errors import UpstreamAway

if TYPE_CHECKING:
    from .process import Process
    from .world import World

LATENCY_S = 0.0005
TIMEOUT_S = 1.0


class Refused:
    """The answer of a process that cannot do what it was asked."""

    def __init__(self, why: str | Exception) -> None:
        self.why = why


class Calls:
    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, server: Process, method: Callable[..., None], *args: Any, answer: Callable[[Any], None]) -> None:
        """Call a method that takes its answer's receiver last. Without an answer in time, the answer is Refused."""
        world, dice = self.world, self.world.dice
        receiver = _Once(answer)
        world.loop.call_later(TIMEOUT_S, receiver, Refused("no answer"))
        if dice.random() < world.faults.call_fails / 2:
            return
        there = dice.expovariate(1 / LATENCY_S)
        if server.up:
            server.later(there, lambda: method(*args, lambda result: self._back(receiver, result)))
        else:
            world.loop.call_later(there, receiver, Refused(f"{server.name} is down"))

    def _back(self, receiver: _Once, result: Any) -> None:
        if self.world.dice.random() >= self.world.faults.call_fails / 2:
            self.world.loop.call_later(self.world.dice.expovariate(1 / LATENCY_S), receiver, result)

    async def ask(self, server: Process, method: Callable[..., None], *args: Any) -> Any:
        """Call and wait; raises UpstreamAway or what was refused with."""
        future: asyncio.Future[Any] = self.world.loop.create_future()
        self.send(server, method, *args, answer=lambda result: None if future.done() else future.set_result(result))
        result = await future
        if isinstance(result, Refused):
            raise result.why if isinstance(result.why, Exception) else UpstreamAway(result.why)
        return result


class _Once:
    """Passes on the first answer only."""

    def __init__(self, answer: Callable[[Any], None]) -> None:
        self._answer: Callable[[Any], None] | None = answer

    def __call__(self, result: Any) -> None:
        if (answer := self._answer) is not None:
            self._answer = None
            answer(result)
