"""What every process of the suite sets in its Python: the event loop, and how often it looks for garbage cycles."""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

# Open runs are many long-lived objects without cycles; looking at them every 700 allocations costs a tenth of the CPU.
THRESHOLDS: Final = (20_000, 20, 50)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's loops; None, which is asyncio's own, where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def settle_garbage() -> None:
    """Call once a service has started: what its start made is never looked at again, the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
