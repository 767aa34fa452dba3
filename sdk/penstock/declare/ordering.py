"""Order without data: `with after(a, b): ...`, and `barrier` to wait for many at once."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

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
