"""How far an operator's process is with its action: a page of memory that it writes, and that costs no message."""

import mmap
import os
import sys
import tempfile
import time
from typing import Final, NamedTuple

PAGE_BYTES: Final = 4096
# Phases of an action.
IDLE, LOADING, FETCHING, CALLED, STORING = range(5)
SAID: Final = ("its process starts", "its code is imported", "its arguments are fetched", "", "its result is stored")
_GRANT, _PHASE, _CALLED_US, _LIMIT = range(4)
_FIELDS: Final = 4


class Reading(NamedTuple):
    """What the page says at a moment."""

    grant: int  # 0: none
    phase: int
    called_s: float  # when the operator was called, by the clock of `time.monotonic`; 0: not yet
    limit_bytes: int  # of memory; 0: none


def make_page() -> int:
    """Return the descriptor of an empty page; raises OSError."""
    if sys.platform == "linux":
        fd = os.memfd_create("penstock-progress", os.MFD_CLOEXEC)
    else:
        fd, path = tempfile.mkstemp(prefix="penstock-progress-")
        os.unlink(path)
    try:
        os.write(fd, bytes(PAGE_BYTES))
    except OSError:
        os.close(fd)
        raise
    return fd


def read_page(fd: int) -> Reading:
    """Read a page that others write."""
    return _reading(memoryview(os.pread(fd, 8 * _FIELDS, 0)).cast("Q"))


class Page:
    """A page in memory: the process says where it is, the worker reads it and sets the limit."""

    def __init__(self, fd: int | None) -> None:
        """Of a descriptor; None: a page that nobody else sees."""
        self._map = mmap.mmap(-1 if fd is None else fd, PAGE_BYTES)
        self._fields = memoryview(self._map).cast("Q")

    def begin(self, grant: int) -> None:
        """An action begins: its code comes first."""
        fields = self._fields
        fields[_CALLED_US] = 0
        fields[_PHASE] = LOADING
        fields[_GRANT] = grant

    def go_on(self, phase: int) -> None:
        """The next phase begins."""
        self._fields[_PHASE] = phase

    def call(self) -> None:
        """The operator is called now."""
        self._fields[_CALLED_US] = time.monotonic_ns() // 1000
        self._fields[_PHASE] = CALLED

    def end(self) -> None:
        """The action is over."""
        self._fields[_GRANT] = 0
        self._fields[_PHASE] = IDLE

    def limit(self, memory_bytes: int) -> None:
        """Set how much memory what runs from now on may use."""
        self._fields[_LIMIT] = memory_bytes

    def reading(self) -> Reading:
        """What the page says now."""
        return _reading(self._fields)

    def close(self) -> None:
        """Let go of the memory."""
        self._fields.release()
        self._map.close()


def _reading(fields: memoryview) -> Reading:
    return Reading(fields[_GRANT], fields[_PHASE], fields[_CALLED_US] / 1e6, fields[_LIMIT])
