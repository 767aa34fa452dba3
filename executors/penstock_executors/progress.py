"""How far an operator's process is with its action: a page of memory that it writes, and that costs no message."""

import itertools
import mmap
import os
import struct
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
# What the operator itself said last: the number of the report, the grant, what is done and of how much, a text after
# its length, and the number again: while the two differ, it is being written.
_SAID: Final = struct.Struct("<QQddQ400sQ")
_SAID_AT: Final = 64
_NUMBER, _DONE, _END = (_SAID_AT + offset for offset in (0, 16, 440))
TEXT_BYTES_MAX: Final = 400


class Reading(NamedTuple):
    """What the page says at a moment."""

    grant: int  # 0: none
    phase: int
    called_s: float  # when the operator was called, by the clock of `time.monotonic`; 0: not yet
    limit_bytes: int  # of memory; 0: none


class Said(NamedTuple):
    """What an operator said last of how far it is."""

    number: int  # another one: there is news
    done: float
    total: float  # NaN: unknown
    text: str


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
        self._doubles = memoryview(self._map).cast("d")
        self._numbers = itertools.count(1)
        self._text: str | None = None  # as it stands in the page
        self._total = 0.0

    def begin(self, grant: int) -> None:
        """An action begins: its code comes first."""
        fields, self._text = self._fields, None
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

    def say(self, done: float, total: float, text: str) -> None:
        """The operator says how far it is; whoever looks sees only what was said last."""
        number = next(self._numbers)
        if text is self._text and total == self._total:  # a loop: half a microsecond less
            self._fields[_NUMBER // 8] = number
            self._doubles[_DONE // 8] = done
            self._fields[_END // 8] = number
            return
        data = text[:TEXT_BYTES_MAX].encode("utf-8", "replace")[:TEXT_BYTES_MAX]
        _SAID.pack_into(self._map, _SAID_AT, number, self._fields[_GRANT], done, total, len(data), data, number)
        self._text, self._total = text, total

    def said(self, grant: int, since: int) -> Said | None:
        """What the operator of a grant has said since the report of this number; None: nothing."""
        if self._fields[_NUMBER // 8] == since:
            return None
        number, whose, done, total, size, data, end = _SAID.unpack_from(self._map, _SAID_AT)
        if whose != grant or number != end:  # it is being written: the next look sees it
            return None
        return Said(number, done, total, data[:size].decode("utf-8", "replace"))

    def limit(self, memory_bytes: int) -> None:
        """Set how much memory what runs from now on may use."""
        self._fields[_LIMIT] = memory_bytes

    def reading(self) -> Reading:
        """What the page says now."""
        return _reading(self._fields)

    def close(self) -> None:
        """Let go of the memory."""
        self._fields.release()
        self._doubles.release()
        self._map.close()


def _reading(fields: memoryview) -> Reading:
    return Reading(fields[_GRANT], fields[_PHASE], fields[_CALLED_US] / 1e6, fields[_LIMIT])
