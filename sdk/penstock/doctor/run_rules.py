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
    """No pool has actions, and nobody to execute them."""
    for pool in facts.pools:
        if pool.workers or pool.granted:
            continue
        if pool.queued:
            yield error(
                "queues",
                f"{pool.queued} actions wait in pool {pool.pool}, which has no worker",
                f"start one: penstock worker --pool {pool.pool} --connect HOST:PORT",
            )
        else:
            yield warning("queues", f"pool {pool.pool} has no worker", "start one before runs are submitted to it")
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
            "if one has just started, wait; else check that PENSTOCK_SPLIT_COUNT and PENSTOCK_SPLIT_INDEX cover all",
        )
    if behind:
        worst = max(behind, key=lambda shard: behind[shard])
        say = error if behind[worst] > LAG_EVENTS_HIGH else warning
        yield say(
            "lag",
            f"{len(behind)} shards are followed more than {facts.apart_s:g} s late; "
            f"shard {worst} lacks {behind[worst]} events",
            "is a Dependency Manager out of CPU? Start another, with PENSTOCK_SPLIT_COUNT on both",
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
    """Every open run moves, or there is a reason why it waits."""
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
        text = f"run {run_id} of {run.plan_name} has not moved for {run.idle_s:.0f} s"
        if reasons:
            more = f", and {len(reasons) - WHY_SHOWN_MAX} more" if len(reasons) > WHY_SHOWN_MAX else ""
            shown = "; ".join(reasons[:WHY_SHOWN_MAX])
            yield warning("stuck runs", f"{text}: {shown}{more}", f"see penstock why {run_id}")
        else:
            yield error(
                "stuck runs",
                f"{text}, and no Action Service knows of it",
                "does an Action Service own its pool (PENSTOCK_POOLS), and do all services answer? "
                "Then restart the Dependency Manager: it reads the run anew",
            )
    if len(idle) > len(facts.why):
        yield warning("stuck runs", f"{len(idle) - len(facts.why)} more runs wait as long", "see penstock runs")
    if not idle:
        yield ok("stuck runs", f"no open run has waited for more than {after_s:g} s")
