"""One command for many runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from .errors import ClientError

Run = TypeVar("Run")

AT_ONCE: Final = 50


async def apply(command: Callable[[Run], Awaitable[Any]], runs: Sequence[Run]) -> list[tuple[Run, ClientError]]:
    """Give a command to each of these runs, AT_ONCE at a time; return those that it failed for, and why."""
    failures: list[tuple[Run, ClientError]] = []

    async def apply_one(run: Run) -> None:
        try:
            await command(run)
        except ClientError as error:
            failures.append((run, error))

    for begin in range(0, len(runs), AT_ONCE):
        await asyncio.gather(*map(apply_one, runs[begin : begin + AT_ONCE]))
    return failures
