"""How tests wait: for what happens, not for how long it takes. The one limit only ends a test that would never end."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

WAIT_S: Final = 400.0
LOOK_EVERY_S: Final = 0.05

T = TypeVar("T")


def wait_for(look: Callable[[], T]) -> T:
    """Look again and again until something is there; return it."""
    deadline = time.monotonic() + WAIT_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not happen within {WAIT_S:.0f} s"
        time.sleep(LOOK_EVERY_S)
    return found
