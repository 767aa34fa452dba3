"""Order without data: `with after(a, b): ...`, `barrier` to wait for many at once, and what is called at the end."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

from penstock_proto.plan.v1 import plan_pb2

from .modules import frame_at
from .recorder import current


def after(*dependencies: object) -> AbstractContextManager[None]:
    """Run what is called in the block only after these have succeeded, although it does not use their results.

        with after(uploaded):
            notify(address)

    Args:
        dependencies: Results of operators, also within lists and dicts. Outside a workflow's compilation they are
            plain values and the block runs as it stands.
    """
    trace = current.get()
    if trace is None:
        return contextlib.nullcontext()
    return trace.order_after(trace.nodes_of("after", dependencies, frame_at(1)))


def barrier(*dependencies: object) -> object:
    """One point that comes after all of these; give it to `after`.

    With many before and many after it, a barrier keeps the plan small: n + m orders instead of n * m.
    """
    trace = current.get()
    if trace is None:
        return None
    frame = frame_at(1)
    return trace.barrier(trace.nodes_of("barrier", dependencies, frame), frame)


def finally_() -> AbstractContextManager[None]:
    """Call the operators in the block at the end of the run, whether it succeeds, fails or is cancelled.

        cluster = create_cluster(size)
        train(cluster)
        with penstock.finally_():
            delete_cluster(cluster)

    They start when everything else has ended. One that uses a result is executed only if that is there. How the run
    ends is decided before: a failure here is shown, and does not change it. Outside a workflow's compilation the block
    runs as it stands.
    """
    return _at_end(plan_pb2.AT_END_ALWAYS)


def on_failure() -> AbstractContextManager[None]:
    """Call the operators in the block at the end of the run if it has failed; otherwise as `finally_`."""
    return _at_end(plan_pb2.AT_END_FAILURE)


def _at_end(end: plan_pb2.AtEnd) -> AbstractContextManager[None]:
    trace = current.get()
    return contextlib.nullcontext() if trace is None else trace.at_end(end)
