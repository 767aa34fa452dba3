"""Whether a failed attempt is tried again, and when: pure, so that a replay decides alike."""

import zlib
from typing import Final

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.state_tracker.v1 import reports_pb2

from .run import Run

# Attempts that may be lost with their worker before the operator itself is suspected.
LOST_MAX: Final = 10
# Causes that are nobody's fault: no retry is used up.
FREE: Final = frozenset({ev.CAUSE_LOST, ev.CAUSE_PREEMPTED, ev.CAUSE_CANCELLED})
# Causes that another attempt cannot cure.
FINAL: Final = frozenset({ev.CAUSE_BAD_RESULT, ev.CAUSE_NOT_LOADABLE})


def delay_s(run: Run, node: int, failed: reports_pb2.Failed) -> float | None:
    """Return the seconds before the next attempt; None if the failure is final."""
    if run.stopping:
        return None
    history = run.histories.get(node)
    if failed.cause in FREE:
        return 0.0 if history is None or history.lost < LOST_MAX else None
    if failed.final or failed.cause in FINAL:
        return None
    policy = run.graph.retry[node]
    used = 0 if history is None else history.retries
    return _backoff_s(policy, used, run, node) if used < policy.retries else None


def _backoff_s(policy: plan_pb2.RetryPolicy, used: int, run: Run, node: int) -> float:
    # The exponent is bounded: a factor of 2 and 10,000 retries would overflow.
    delay = policy.delay_s * max(policy.factor, 1.0) ** min(used, 64)
    if policy.delay_max_s > 0:
        delay = min(delay, policy.delay_max_s)
    spread = zlib.crc32(run.run_id + node.to_bytes(4, "big") + run.attempt(node).to_bytes(4, "big")) / 2**32
    return delay * (1.0 - policy.jitter * spread)
