"""What a fork of the operator's process must not inherit from it: its handler of SIGTERM, its socket to the worker."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

_TERM: Final = {signal.SIGTERM}


def keep_to_itself(
    handler: Callable[[int, FrameType | None], None], fds: Sequence[int], forget: Callable[[], None]
) -> None:
    """Give each fork the default action for SIGTERM instead of `handler`, close `fds` there, and call `forget`.

    SIGTERM waits while the process forks: one that reached the fork before its first instruction would be noted by the
    inherited handler, and Python forgets in a fork what was noted. `Pool.terminate` would then wait for it for ever.
    A handler that the operator has installed itself is inherited, as usual.
    """
    masks = threading.local()

    def before() -> None:
        masks.old = signal.pthread_sigmask(signal.SIG_BLOCK, _TERM)

    def after_in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.old)

    def after_in_child() -> None:
        if signal.getsignal(signal.SIGTERM) == handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        forget()
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.old)

    os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)
