"""Where the product meets the world outside, replaced by the simulated one for as long as a simulation lasts."""

from __future__ import annotations

import gc
import logging
import random
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import asyncpg
import grpc.aio
from penstock_action_service.pool.core import Pool
from penstock_action_service.shell import leases
from penstock_dependency_manager import recent
from penstock_dependency_manager.core import Graph
from penstock_dependency_manager.unlocker import Unlocker
from penstock_observability.scraped import Scraped
from penstock_proto import wire
from penstock_state_tracker import app
from penstock_state_tracker.log import checkpoints, committer, event_log
from penstock_state_tracker.log.committer import Committer
from penstock_state_tracker.log.shard_state import Owned
from penstock_state_tracker.ownership import rebuild
from penstock_stream import follower, position

from .executor import ExecutorFails

if TYPE_CHECKING:
    from .world import World

# Bounds that are rarely met, and for some seeds are met all the time.
SMALL_BOUNDS = (
    (recent, "KEPT_INSTRUCTIONS_MAX", 6),
    (follower, "RANGE_MAX", 4),
    (position, "BUFFERED_MESSAGES_MAX", 2),
    (checkpoints, "CHECKPOINT_EVENTS_MIN", 3),
    (committer, "BATCH_ROWS_MAX", 2),
    (wire.pieces, "__defaults__", (1,)),
    (event_log, "READ_ROWS", 2),
    (rebuild, "ROWS_AT_ONCE", 2),
)
# After which others get a turn.
SMALL_STEPS = ((Graph, "STEP", 1), (Pool, "STEP", 1))


@contextmanager
def installed(world: World) -> Generator[None]:
    """Let the product meet this world, in this thread."""
    state = random.getstate()
    random.seed(world.seed)
    with ExitStack() as stack:
        for owner, name, value in (
            *_replaced(world),
            *_bounds(world.dice, SMALL_BOUNDS),
            *_bounds(Random(world.seed), SMALL_STEPS),
        ):
            stack.enter_context(patch.object(owner, name, value))
        stack.enter_context(_mistakes_end(world))
        gc.disable()  # what it collects runs at a moment that no seed decides
        try:
            yield
        finally:
            gc.enable()
            random.setstate(state)


def _replaced(world: World) -> list[tuple[Any, str, Any]]:
    return [
        (time, "monotonic", lambda: world.loop.now),
        (Unlocker.__init__, "__defaults__", (lambda: world.loop.now,)),
        (asyncpg, "connect", world.postgres.connect),
        (asyncpg, "create_pool", world.postgres.create_pool),
        (grpc.aio, "insecure_channel", world.network.channel),
        (app, "migrate", _migrated),
        (leases, "migrate", _migrated),
        (Scraped, "register", lambda *_: _nothing),
        (Committer, "add", _noting(world, Committer.__dict__["add"])),
    ]


def _bounds(dice: Random, bounds: Sequence[tuple[Any, str, Any]]) -> list[tuple[Any, str, Any]]:
    return [bound for bound in bounds if dice.random() < 0.25]


def _noting(world: World, add: Callable[..., None]) -> Callable[..., None]:
    """Let the world know when each event was decided: delays count from then."""

    def noting(self: Committer, owned: Owned, events: list[Any]) -> None:
        seq = owned.core.seq - len(events)
        for number in range(1, len(events) + 1):
            world.decided_at[owned.shard, owned.epoch, seq + number] = world.now
        add(self, owned, events)

    return noting


@contextmanager
def _mistakes_end(world: World) -> Generator[None]:
    """Fail the simulation where a service logs an error that it did not foresee."""
    handler = _Mistakes(world)
    root = logging.getLogger()
    level, root_handlers, disabled = root.level, root.handlers[:], logging.root.manager.disable
    root.handlers[:] = [handler]
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        root.handlers[:] = root_handlers
        root.setLevel(level)
        logging.disable(disabled)


class _Mistakes(logging.Handler):
    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, ExecutorFails) and not self._world.is_closing:
            self._world.fail(f"{record.name}: {record.getMessage()}", error)


async def _migrated(*_: Any, **__: Any) -> None: ...


def _nothing() -> None: ...
