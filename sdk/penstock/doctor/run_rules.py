"""Whether runs move: queues, lag between the services, shards that are hot, runs that wait for too long. No I/O."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from .facts import Facts, Kind
from .findings import Finding, error, ok, warning

# Events of one shard that are not followed yet, a second after they were recorded.
LAG_EVENTS_HIGH: Final = 10_000
# A shard is hot if it gets so large a share of so many events.
HOT_SHARE, HOT_EVENTS_PER_S, HOT_SHARDS_MIN = 0.25, 500.0, 8
WHY_SHOWN_MAX: Final = 3


def queues(facts: Facts) -> Iterator[Finding]:
    """No pool has actions but no workers."""
    for pool in facts.pools:
        if pool.workers or pool.granted:
            continue
        if pool.queued:
            yield error(
                "queues",
                f"{pool.queued} actions wait in pool {pool.pool}, which has no worker",
                f"start a worker: penstock worker --pool {pool.pool} --connect HOST:PORT",
            )
        else:
            yield warning(
                "queues", f"pool {pool.pool} has no worker", "start a worker before you submit runs to this pool"
            )
    if facts.pools and all(pool.workers for pool in facts.pools):
        yield ok("queues", "every pool has a worker")


def lag(facts: Facts) -> Iterator[Finding]:
    """What is recorded is followed within a second: the time between two nodes of a run."""
    recorded: dict[int, int] = {}
    for process in facts.of(Kind.STATE_TRACKER):
        for shard, seq in process.heads.items():
            recorded[shard] = max(seq, recorded.get(shard, 0))
    followed: dict[int, int] = {}
    for process in facts.of(Kind.DEPENDENCY_MANAGER):
        for shard, seq in process.later_heads.items():
            followed[shard] = max(seq, followed.get(shard, 0))
    missing = sorted(shard for shard in recorded if shard not in followed)
    behind = {shard: recorded[shard] - seq for shard, seq in followed.items() if recorded.get(shard, 0) > seq}
    if missing and facts.of(Kind.DEPENDENCY_MANAGER):
        yield error(
            "lag",
            f"no Dependency Manager follows {len(missing)} of {len(recorded)} shards, such as {missing[0]}",
            "if one has just started, wait; otherwise check PENSTOCK_SPLIT_COUNT and PENSTOCK_SPLIT_INDEX",
        )
    if behind:
        worst = max(behind, key=lambda shard: behind[shard])
        say = error if behind[worst] > LAG_EVENTS_HIGH else warning
        yield say(
            "lag",
            f"{len(behind)} shards are followed with a delay of more than {facts.apart_s:g} s; "
            f"shard {worst} is {behind[worst]} events behind",
            "if the Dependency Manager lacks CPU, start another, with PENSTOCK_SPLIT_COUNT on both",
        )
    if recorded and not missing and not behind:
        yield ok("lag", f"all {len(recorded)} shards are followed within {facts.apart_s:g} s")


def hot_shards(facts: Facts) -> Iterator[Finding]:
    """No shard gets much more than its part of the work."""
    rates: dict[int, float] = {}
    for process in facts.of(Kind.STATE_TRACKER):
        for shard, seq in process.later_heads.items():
            if shard in process.heads:
                rates[shard] = (seq - process.heads[shard]) / max(facts.apart_s, 0.001)
    total = sum(rates.values())
    if len(rates) < HOT_SHARDS_MIN or total < HOT_EVENTS_PER_S:
        return
    hot = sorted((shard for shard, rate in rates.items() if rate > HOT_SHARE * total), key=lambda s: -rates[s])
    for shard in hot:
        yield warning(
            "hot shards",
            f"shard {shard} gets {rates[shard] / total:.0%} of {total:.0f} events/s",
            "one of its runs is very large, and a run lives in one shard: split it into several runs",
        )
    if not hot:
        yield ok("hot shards", f"{total:.0f} events/s, spread over {len(rates)} shards")


def stuck(facts: Facts, after_s: float) -> Iterator[Finding]:
    """Every open run makes progress, or it has a reason to wait."""
    idle = [
        run
        for process in facts.of(Kind.STATE_TRACKER)
        if process.diagnosis is not None
        for run in process.diagnosis.idle_runs
        if run.idle_s >= after_s
    ]
    for run in sorted(idle, key=lambda run: -run.idle_s):
        run_id = uuid.UUID(bytes=run.run_id)
        if run_id not in facts.why:
            continue
        reasons = [f"{node} {text}" for node, text in facts.why[run_id]]
        text = f"run {run_id} of {run.plan_name} has made no progress for {run.idle_s:.0f} s"
        if reasons:
            more = f", and {len(reasons) - WHY_SHOWN_MAX} more" if len(reasons) > WHY_SHOWN_MAX else ""
            shown = "; ".join(reasons[:WHY_SHOWN_MAX])
            yield warning("stuck runs", f"{text}: {shown}{more}", f"see penstock why {run_id}")
        else:
            yield error(
                "stuck runs",
                f"{text}, and no Action Service holds its actions",
                "check that an Action Service owns its pool (PENSTOCK_POOLS) and that all services respond; "
                "then restart the Dependency Manager, which reloads the run",
            )
    if len(idle) > len(facts.why):
        yield warning(
            "stuck runs", f"{len(idle) - len(facts.why)} more runs have been idle as long", "see penstock runs"
        )
    if not idle:
        yield ok("stuck runs", f"no open run has been idle for more than {after_s:g} s")
