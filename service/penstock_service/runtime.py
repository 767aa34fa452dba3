"""The event loop of every process of the suite."""

import asyncio
from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's loops; None, which is asyncio's own, where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
