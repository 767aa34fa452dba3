"""The rules that turn facts into findings, check by check. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Final

from .access_rules import access, certificates, gateway
from .facts import Facts, Kind
from .findings import Finding, error, ok, warning
from .ground_rules import broker, clocks, databases, databases_of
from .run_rules import hot_shards, lag, queues, stuck

# Shares and bytes of a disk that are free.
DISK_FREE_FEW: Final = 0.03
DISK_FREE_LOW: Final = 0.10
DISK_FREE_BYTES_FEW: Final = 2**30
# Share of a disk that scratch folders of operators may take.
SCRATCH_MUCH: Final = 0.10


def judge(facts: Facts, stuck_after_s: float) -> list[Finding]:
    """Return what was found, in the order in which to repair it."""
    checks: list[Callable[[Facts], Iterator[Finding]]] = [
        services, databases, shards, undecided, broker, clocks, access, certificates, gateway, artifacts, workers,
        queues, lag, hot_shards, undelivered,
    ]  # fmt: skip
    if facts.info is None:
        return [*services(facts), *gateway(facts)]
    return [finding for check in checks for finding in check(facts)] + list(stuck(facts, stuck_after_s))


def services(facts: Facts) -> Iterator[Finding]:
    """Every process that is known answers, and is ready."""
    for process in facts.processes:
        name = f"the {process.kind} at {process.address}"
        if process.trouble:
            yield error(
                "services",
                f"{name} does not respond: {process.trouble}",
                "start it, and check its log; if only this host cannot reach it, run the doctor on another host",
            )
        elif not process.serving:
            yield error(
                "services",
                f"{name} responds, but is not ready",
                "its log says whether it waits for its databases or for another service",
            )
        elif facts.info is not None:
            yield ok("services", f"{name} is ready")
    if facts.info is not None and not facts.of(Kind.DEPENDENCY_MANAGER):
        yield error("services", "no Dependency Manager was found", "start one: Action Services report its address")
    if facts.info is not None and facts.info.version != facts.version:
        yield warning(
            "services",
            f"the services have version {facts.info.version}, this program {facts.version}",
            "install the same version on both sides",
        )


def shards(facts: Facts) -> Iterator[Finding]:
    """Every shard has one owner, and that one answers for it."""
    assert facts.info is not None
    owners = {shard.shard: shard for database in databases_of(facts).values() for shard in database.shards}
    answering: dict[int, list[str]] = {}
    for process in facts.of(Kind.STATE_TRACKER):
        for shard in process.later_heads:
            answering.setdefault(shard, []).append(process.address)
    unknown = [shard for shard in range(facts.info.shards) if shard not in owners]
    damaged = _damaged(facts)
    free = [shard for shard, one in owners.items() if not one.owner and shard not in damaged]
    silent = [shard for shard, one in owners.items() if one.owner and shard not in answering]
    double = [shard for shard, addresses in answering.items() if len(addresses) > 1]
    for shard, reason in sorted(damaged.items()):
        yield error(
            "shards",
            f"shard {shard} is corrupt, its runs make no progress: {reason}",
            "restore the database from a backup; the shard is retried every minute",
        )
    if unknown:
        yield error("shards", f"the owner of {_some(unknown)} is unknown", "start the database with these shards")
    if free:
        yield error(
            "shards", f"no State Tracker owns {_some(free)}", "start a State Tracker; it takes free shards within 3 s"
        )
    if silent:
        names = ", ".join(sorted({owners[shard].owner for shard in silent}))
        yield error(
            "shards",
            f"{names} owns {_some(silent)}, but does not respond",
            "if it has just started, wait; otherwise check its log and restart it",
        )
    if double:
        yield warning(
            "shards", f"two State Trackers claim {_some(double)}", "run the doctor again: a shard was just taken over"
        )
    if not (unknown or free or silent or double or damaged):
        instances = len({one.owner for one in owners.values()})
        yield ok("shards", f"{len(owners)} shards, each with one owner, {instances} State Trackers")


def _damaged(facts: Facts) -> dict[int, str]:
    """Return the shards that no State Tracker can read."""
    trackers = facts.of(Kind.STATE_TRACKER)
    answering = {shard for process in trackers for shard in process.later_heads}
    found = [shard for process in trackers if process.diagnosis for shard in process.diagnosis.damaged_shards]
    return {one.shard: one.reason for one in found if one.shard not in answering}


def undecided(facts: Facts) -> Iterator[Finding]:
    """Every report of a worker can be recorded."""
    for process in facts.of(Kind.STATE_TRACKER):
        for one in process.diagnosis.undecided_reports if process.diagnosis else ():
            yield error(
                "reports",
                f"cannot record a report of node {one.node} of run {uuid.UUID(bytes=one.run_id)}: {one.error}",
                "this is a bug in Penstock: please report it with the State Tracker's log. "
                "If the run is still open, cancel it and submit it again",
            )


def artifacts(facts: Facts) -> Iterator[Finding]:
    """Results can be stored, and there is room for them."""
    if facts.store_trouble:
        text = f"artifacts cannot be stored: {facts.store_trouble}"
        yield error("artifacts", text, "check the artifact store's disk and log")
    elif facts.store_trouble is not None:
        yield ok("artifacts", "the artifact store accepts artifacts")
    for disk in facts.disks:
        share = disk.free_bytes / max(1, disk.total_bytes)
        text = f"{disk.free_bytes / 2**30:.1f} GiB of {disk.total_bytes / 2**30:.1f} GiB are free at {disk.folder}"
        if share < DISK_FREE_FEW or disk.free_bytes < DISK_FREE_BYTES_FEW:
            yield error("disk", text, "free space: when the disk is full, results cannot be stored and runs fail")
        elif share < DISK_FREE_LOW:
            yield warning("disk", text, "free space before the disk is full")
        else:
            yield ok("disk", text)
        if disk.scratch_bytes:
            size = f"scratch folders of operators hold {disk.scratch_bytes / 2**30:.2f} GiB"
            if disk.scratch_bytes > SCRATCH_MUCH * disk.total_bytes:
                yield warning("disk", size, "they go when their runs end: cancel the runs that nobody needs")
            else:
                yield ok("disk", size)


def workers(facts: Facts) -> Iterator[Finding]:
    """There are workers, and all of the same version as the services."""
    assert facts.info is not None
    other = sorted(w.worker for w in facts.workers if w.version != facts.info.version)
    if other:
        yield warning(
            "workers",
            f"{', '.join(other[:5])} {'runs' if len(other) == 1 else 'run'} a version other than {facts.info.version}",
            "restart them with the same version; they drain on SIGTERM",
        )
    for pool in facts.pools:
        if pool.workers:
            cores = pool.capacity.cpu_milli / 1000
            used = pool.used.cpu_milli / 1000
            text = f"pool {pool.pool}: {pool.workers} workers, {used:g} of {cores:g} cores in use, {pool.queued} queued"
            yield ok("workers", text)


def undelivered(facts: Facts) -> Iterator[Finding]:
    """Every notification reaches its channel."""
    if facts.undelivered is None:
        return
    waiting, dead = facts.undelivered
    if dead:
        yield warning(
            "notifications",
            f"{dead} notifications were given up",
            "penstock notifications deliveries --state dead says why; penstock notifications retry sends them again",
        )
    else:
        yield ok("notifications", f"no notification was given up, {waiting} wait")


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:5]))
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"shard{'s' if len(numbers) > 1 else ''} {shown}{more}"
