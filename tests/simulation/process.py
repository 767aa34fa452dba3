"""A simulated process: it can crash between any two steps, stand still, and start anew without its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .world import World

RESTARTS_S = (0.5, 0.5, 5.0)  # means


class Crashed(Exception):
    """The process ends here, in the middle of what it does."""


class Process:
    """Whatever it schedules happens only as long as this life of it lasts."""

    name = "process"

    def __init__(self, world: World) -> None:
        self.world = world
        self.up = False
        self.life = 0
        self.paused_until = 0.0

    def later(self, delay_s: float, step: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Do a step after a delay, in this life; later, if the process stands still then."""
        return self.world.loop.call_later(delay_s, self._run, self.life, step, args)

    def act(self, step: Callable[..., Any], *args: Any) -> None:
        """Do a step now; a crash in it ends the process."""
        self._run(self.life, step, args)

    def step(self) -> None:
        """A place between two steps where the process may crash."""
        if self.world.crashes_here():
            raise Crashed

    def start(self) -> None:
        """Come up with nothing but what was stored."""
        self.up = True
        self.world.note(self.name, "starts")
        self.act(self.started)

    def crash(self) -> None:
        if not self.up:
            return
        self.world.note(self.name, "crashes")
        self.up = False
        self.life += 1
        self.paused_until = 0.0
        self.stopped()
        dice = self.world.dice
        self.world.loop.call_later(dice.expovariate(1 / dice.choice(RESTARTS_S)), self._restart, self.life)

    def pause(self, seconds: float) -> None:
        if self.up:
            self.world.note(self.name, f"stands still for {seconds:.1f} s")
            self.paused_until = self.world.now + seconds

    def started(self) -> None:
        """The first step of a life."""

    def stopped(self) -> None:
        """Let go of all that belonged to the life that ended."""

    def _restart(self, life: int) -> None:
        if self.life == life and not self.up:
            self.start()

    def _run(self, life: int, step: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if life != self.life or not self.up:
            return
        world = self.world
        if self.paused_until > world.now:
            world.loop.call_at(self.paused_until, self._run, life, step, args)
            return
        world.steps += 1
        try:
            step(*args)
        except Crashed:
            self.crash()
        except Exception as error:
            world.fail(f"{self.name}: {type(error).__name__}: {error}", error)
