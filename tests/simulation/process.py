"""A simulated process: it can crash between any two steps, stand still, and start again without its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from .virtual_time import GATE

if TYPE_CHECKING:
    from .world import World

RESTARTS_S = (0.5, 0.5, 5.0)  # means


class Crashed(BaseException):
    """The process ends here, in the middle of what it does. No handler of errors may see it as one."""


class Life:
    """One life of a process: what is begun in it happens only while it lasts, and not while it stands still."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.world = process.world
        self.alive = True
        self.stands_until = 0.0
        self._context = Context()
        self._context.run(GATE.set, self)
        self._kept: list[asyncio.Handle] = []
        self.ends: list[Callable[[], None]] = []  # what others do about its end

    @property
    def context(self) -> Context:
        """A context for one more thing of this life."""
        return self._context.copy()

    def admits(self, handle: asyncio.Handle) -> bool:
        if not self.alive:
            self.world.dropped.append(handle)
            return self.world.is_closing
        if self.stands_until > self.world.now:
            self._kept.append(handle)
            return False
        if self.process.may_crash and self.world.crashes_between():
            self.process.crash()
            self.world.dropped.append(handle)
            return False
        self.world.steps += 1
        return True

    def later(self, delay_s: float, step: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        return self.world.loop.call_later(delay_s, step, *args, context=self.context)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.world.loop.create_task(coroutine, context=self.context)

    def step(self) -> None:
        """A place within a step where the process may crash."""
        if self.alive and self.process.may_crash and self.world.crashes_here():
            self.process.crash()
            raise Crashed

    def stand(self, seconds: float) -> None:
        self.stands_until = self.world.now + seconds
        self.world.loop.call_later(seconds, self._wake, context=Context())

    def _wake(self) -> None:
        if self.stands_until <= self.world.now:
            kept, self._kept = self._kept, []
            self.world.loop.resume(kept)

    def end(self) -> None:
        self.alive = False
        self.world.dropped += self._kept
        ends, self.ends = self.ends, []
        for step in ends:
            step()


class Process:
    """What runs under a name and an address; `main` starts it, each time."""

    may_crash = True  # between any two of its steps
    exits: tuple[type[BaseException], ...] = ()  # errors of `main` after which the process is started again

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.up = False
        self.lives = 0
        self.comes_back = True  # after a crash
        self.life = Life(self)
        self.life.end()

    async def main(self) -> None:
        """Come up with nothing but what was stored. What it started goes on after it returns."""
        raise NotImplementedError

    def stopped(self) -> None:
        """Forget what belonged to the life that ended."""

    def start(self) -> None:
        self.up = True
        self.lives += 1
        self.life = Life(self)
        self.world.note(self.name, "starts")
        self.life.spawn(self._main(self.life))

    def crash(self) -> None:
        if self.up:
            self.world.note(self.name, "crashes")
            self.end()
            dice = self.world.dice
            delay_s = dice.expovariate(1 / dice.choice(RESTARTS_S))
            if self.comes_back:
                self.world.loop.call_later(delay_s, self._restart, self.lives, context=Context())

    def end(self) -> None:
        """Be gone, until somebody starts it."""
        self.up = False
        self.life.end()
        self.stopped()

    def end_for_good(self) -> None:
        if self.comes_back:
            self.world.note(self.name, "ends for good")
            self.comes_back = False
            self.end()

    def pause(self, seconds: float) -> None:
        if self.up:
            self.world.note(self.name, f"stands still for {seconds:.1f} s")
            self.life.stand(seconds)

    def _restart(self, lives: int) -> None:
        if self.lives == lives and not self.up and self.comes_back:
            self.start()

    async def _main(self, life: Life) -> None:
        try:
            await self.main()
        except self.exits as error:
            if life.alive:
                self.world.note(self.name, f"exits: {error}")
                self.crash()
        except Exception as error:
            if life.alive:
                self.world.fail(f"{self.name}: {type(error).__name__}: {error}", error)


def current_life() -> Life:
    """Return the life of the code that asks."""
    life = GATE.get()
    assert isinstance(life, Life)
    return life
