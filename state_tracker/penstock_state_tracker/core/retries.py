"""Whether a failed attempt is tried again, and when: pure, so that a replay decides alike."""

import zlib
from typing import Final

from penstock_plan.limits import RETRY_DELAY_S_MAX
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2

from .run import History, Run, Used

# Attempts that may be lost with their worker, one after the other, before the operator itself is suspected.
LOST_MAX: Final = 10
# An attempt that ran for so long before it was lost speaks for the operator: losses before it no longer count.
LONG_LIFE_S: Final = 600.0
# Causes that are nobody's fault and somebody's intention: they use up nothing.
FREE: Final = frozenset({ev.CAUSE_PREEMPTED, ev.CAUSE_CANCELLED})
FREE_OF_RETRIES: Final = FREE | {ev.CAUSE_NOT_YET}
# Causes that another attempt cannot cure.
FINAL: Final = frozenset({ev.CAUSE_BAD_RESULT, ev.CAUSE_NOT_LOADABLE})


def delay_s(run: Run, node: int, failed: reports_pb2.Failed, now: float) -> float | None:
    """Return the seconds before the next attempt; None if the failure is final."""
    if run.is_stopping:
        return None
    if failed.cause in FREE:
        return 0.0
    history = run.histories.get(node)
    if failed.cause == ev.CAUSE_NOT_YET:
        return _next_look_s(run, node, history, now)
    if failed.cause == ev.CAUSE_LOST:
        few = history is None or history.lost < LOST_MAX
        return 0.0 if few or is_long_lived(run, node, failed, now) else None
    if failed.final or failed.cause in FINAL:
        return None
    policy = run.graph.retry[node]
    used = 0 if history is None else history.retries
    return _backoff_s(policy, used, run, node) if used < policy.retries else None


def _next_look_s(run: Run, node: int, history: History | None, now: float) -> float | None:
    """Return when a sensor looks again; None if its time is over, or the node is none."""
    sensor = run.graph.sensors.get(node)
    if sensor is None:
        return None
    since = now if history is None or history.looks_since is None else history.looks_since
    over = sensor.seconds is not None and now - since + sensor.every_s > sensor.seconds
    return None if over else sensor.every_s


def is_long_lived(run: Run, node: int, failed: reports_pb2.Failed, now: float) -> bool:
    """Whether an attempt was lost after it had run for long."""
    return failed.cause == ev.CAUSE_LOST and now - run.started_at.get(node, now) >= LONG_LIFE_S


def used(failed: ev.ActionFailed) -> Used:
    """Return what a recorded failure that is tried again has used up."""
    if failed.cause in FREE_OF_RETRIES:
        return Used.NOTHING
    if failed.cause == ev.CAUSE_LOST:
        return Used.FIRST_LOSS if failed.long_lived else Used.LOSS
    return Used.RETRY


def _backoff_s(policy: plan_pb2.RetryPolicy, used: int, run: Run, node: int) -> float:
    if policy.delay_s <= 0:
        return 0.0
    try:
        delay = policy.delay_s * max(policy.factor, 1.0) ** used
    except OverflowError:
        delay = RETRY_DELAY_S_MAX
    delay = min(delay, policy.delay_max_s or RETRY_DELAY_S_MAX, RETRY_DELAY_S_MAX)
    spread = zlib.crc32(run.run_id + node.to_bytes(4, "big") + run.attempt(node).to_bytes(4, "big")) / 2**32
    return delay * (1.0 - policy.jitter * spread)
