"""What must hold whatever happened: the log has no gap, says each thing once, and rebuilds the memory."""

import time
from collections import Counter
from collections.abc import Mapping

from google.protobuf.message import Message
from penstock_plan.graph import PlanGraph
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_service.database import connect
from penstock_state_tracker.core.shard import Shard


async def logs_of(url: str) -> dict[int, list[ev.Event]]:
    """Every shard's events, checked to be without a gap and to end at the head."""
    connection = await connect(url)
    try:
        rows = await connection.fetch("SELECT shard, seq, kind, run_id, recorded_at, payload FROM events ORDER BY 1, 2")
        heads = dict(tuple(row) for row in await connection.fetch("SELECT shard, seq FROM heads"))
    finally:
        await connection.close()
    found: dict[int, list[ev.Event]] = {shard: [] for shard in heads}
    for row in rows:
        found[row["shard"]].append(ev.Event.FromString(row["payload"]))
        assert row["seq"] == len(found[row["shard"]])
    assert {shard: len(events) for shard, events in found.items()} == heads
    return found


def folded(shard: int, events: list[ev.Event], plans: Mapping[bytes, PlanGraph]) -> Shard:
    """The state that the events alone give."""
    core = Shard(shard, plans)
    for event in events:
        core.apply(event, time.monotonic())
    return core


def described(core: Shard) -> list[Message]:
    """The open runs, comparable: without what only a clock knows."""
    found = sorted(core.snapshot(time.monotonic()), key=lambda run: run.run_id)
    for run in found:
        run.submitted_at_us = 0
        for node in run.nodes:
            node.delay_s = 0
    return list[Message](found)


def check_once(found: Mapping[int, list[ev.Event]]) -> Counter[str]:
    """Check that no attempt and no run ended twice; return how many events of each kind there are."""
    counts: Counter[str] = Counter()
    seen: set[object] = set()
    for event in (event for events in found.values() for event in events):
        kind = event.WhichOneof("kind") or ""
        counts[kind] += 1
        if kind in ("run_submitted", "run_ended"):
            key: object = (kind, event.run_id)
        elif kind in ("action_succeeded", "action_failed"):
            action = getattr(event, kind)
            key = (event.run_id, action.node, action.attempt)
        else:
            continue
        assert key not in seen, f"twice: {key}"
        seen.add(key)
    return counts
