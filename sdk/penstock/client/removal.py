"""Which ended runs are kept, and how the others and what only they refer to are removed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.state_tracker.v1 import service_pb2

from .connection import Connection
from .errors import Refused, not_found
from .runs import RunInfo

# Runs that are removed at the same time, and whose logs are in one call.
AT_ONCE = 8
# How a refusal says that a fork has outputs of the run.
REFERRED = "uses outputs of run"
LOGS_AT_ONCE = 1_000
# Artifacts so young stay, since a run may be about to refer to them; open runs also have results not recorded yet.
GRACE_S = 3600.0
GRACE_OPEN_RUNS_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed, or with `dry_run` would be."""

    runs: Sequence[uuid.UUID]
    logs_bytes: int
    artifacts: int
    artifacts_bytes: int
    # What stays.
    kept_runs: int
    kept_artifacts_bytes: int
    # Artifacts that changed within this time stay.
    grace_s: float


def expired(runs: Iterable[RunInfo], now_us: int, older_than_s: float | None, keep: int | None) -> list[RunInfo]:
    """Return the ended runs to remove: those that ended longer ago, and are not among so many of the newest.

    If neither is given, none is; open runs are never.
    """
    if older_than_s is None and keep is None:
        return []
    ended = sorted((run for run in runs if run.state.ended), key=lambda run: (run.ended_at_us, run.id), reverse=True)
    before_us = now_us - round((older_than_s or 0.0) * 1e6)
    return [run for run in ended[keep or 0 :] if older_than_s is None or run.ended_at_us < before_us]


async def collect(
    connection: Connection, known: Sequence[RunInfo], chosen: Sequence[RunInfo], grace_s: float | None, *, dry_run: bool
) -> Collected:
    """Remove the chosen of the known runs, and then all artifacts that no run refers to."""
    if grace_s is None:
        grace_s = GRACE_S if all(run.state.ended for run in known) else GRACE_OPEN_RUNS_S
    wanted = [run.id for run in chosen]
    logs_bytes, kept = (0, {}) if dry_run else await _remove(connection, wanted)
    swept = await sweep(connection, grace_s, dry_run=dry_run)
    return Collected(
        runs=[run_id for run_id in wanted if run_id not in kept],
        logs_bytes=logs_bytes,
        artifacts=swept.removed,
        artifacts_bytes=swept.removed_bytes,
        kept_runs=len(known) - len(chosen) + len(kept),
        kept_artifacts_bytes=swept.kept_bytes,
        grace_s=grace_s,
    )


async def remove(connection: Connection, runs: Sequence[uuid.UUID]) -> int:
    """Remove ended runs with the logs of their operators; return the bytes of the logs. Safe to repeat.

    Raises what one is refused for, after the others.
    """
    removed_bytes, kept = await _remove(connection, runs)
    for error in kept.values():
        raise error
    return removed_bytes


async def _remove(connection: Connection, runs: Sequence[uuid.UUID]) -> tuple[int, dict[uuid.UUID, Refused]]:
    """Remove runs, forks before what they are forked from; return the bytes of logs, and those with forks that stay."""
    removed = 0
    kept: dict[uuid.UUID, Refused] = {}
    retry = await connection.retry("artifact_store")
    newest_first = sorted(runs, reverse=True)
    for at in range(0, len(runs), LOGS_AT_ONCE):
        some = newest_first[at : at + LOGS_AT_ONCE]
        left: Sequence[uuid.UUID] = some
        while left:
            refused = await _remove_some(connection, left)
            if len(refused) == len(left):
                kept |= refused
                break
            left = list(refused)
        # After that: a run that is shown has its logs. If this is cut off, the same call is made again.
        gone = [run_id.bytes for run_id in some if run_id not in kept]
        answer: Any = await connection.call(
            "artifact_store", "RemoveLogs", artifact_pb2.RemoveLogsRequest(run_ids=gone), retry=retry
        )
        removed += answer.removed_bytes
    return removed, kept


async def _remove_some(connection: Connection, runs: Sequence[uuid.UUID]) -> dict[uuid.UUID, Refused]:
    """Remove runs; return those that have forks."""
    waiting = asyncio.Semaphore(AT_ONCE)
    referred: dict[uuid.UUID, Refused] = {}

    async def one(run_id: uuid.UUID) -> None:
        async with waiting:
            try:
                await connection.call("state_tracker", "RemoveRun", service_pb2.RemoveRunRequest(run_id=run_id.bytes))
            except Refused as error:
                if error.code != "FAILED_PRECONDITION" or REFERRED not in error.details:
                    raise not_found(error, str(run_id)) from None
                referred[run_id] = error

    await asyncio.gather(*map(one, runs))
    return referred


async def sweep(connection: Connection, grace_s: float, *, dry_run: bool) -> artifact_pb2.SweepResponse:
    """Remove the artifacts that no run and no plan refers to; nothing, if those cannot all be read."""
    async with aclosing(_named(connection, grace_s, dry_run)) as named:
        return await connection.send_once("artifact_store", "Sweep", named)


async def _named(connection: Connection, grace_s: float, dry_run: bool) -> AsyncGenerator[artifact_pb2.SweepRequest]:
    """The store notes the time of the first message, before anything is read."""
    yield artifact_pb2.SweepRequest(grace_s=grace_s, dry_run=dry_run)
    async with aclosing(connection.stream("state_tracker", "References", service_pb2.ReferencesRequest())) as stream:
        async for response in stream:
            yield artifact_pb2.SweepRequest(keep=response.artifacts)
    yield artifact_pb2.SweepRequest(complete=True)


def now_us() -> int:
    """Return the time as runs have it."""
    return time.time_ns() // 1000
