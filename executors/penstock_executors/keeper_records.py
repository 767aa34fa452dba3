"""What a worker and its keeper say to each other: records of one size, over a stream, with descriptors beside them."""

import array
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

_FORMAT: Final = struct.Struct("=IIQQd")
RECORD_BYTES: Final = _FORMAT.size
FDS_MAX: Final = 3

# To the keeper.
START, END, WATCH = 1, 2, 3
# From the keeper.
READY, STARTED, NO_START, GONE, OVER = 11, 12, 13, 14, 15


class Record(NamedTuple):
    """`number` names a process; what the others mean depends on the kind.

    START: descriptors of its socket, its output and its page come with it.
    END: ask it to end if `value` is 1; `seconds` later it and all that descends from it is killed.
    WATCH: `value` 1: look after the memory of what runs; 0: nothing runs.
    STARTED: `value` is its process id. NO_START: `value` is the errno.
    GONE: nothing of it is left; `value` is its exit code, `exit_code` reads it.
    OVER: it is being killed, since it used `value` bytes for the grant `more`, which is above its limit.
    """

    kind: int
    number: int = 0
    value: int = 0
    more: int = 0
    seconds: float = 0.0


def send(end: socket.socket, record: Record, fds: Sequence[int] = ()) -> None:
    """Send a record whole; raises OSError."""
    data = _FORMAT.pack(*record)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = end.sendmsg([data], ancillary)
    if sent != len(data):
        raise OSError(f"the keeper of operators' processes took {sent} of {len(data)} bytes")


def receive(end: socket.socket) -> tuple[Record, list[int]] | None:
    """Return a record and its descriptors; None at the end of the stream. Raises BlockingIOError if none is there."""
    data, ancillary, _, _ = end.recvmsg(RECORD_BYTES, socket.CMSG_LEN(FDS_MAX * 4))
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    if len(data) < RECORD_BYTES:  # the end; records are smaller than what a socket takes in one piece
        return None
    return Record(*_FORMAT.unpack(data)), list(fds)


def exit_code(value: int) -> int:
    """Return an exit code as `Popen.returncode` spells it."""
    return value - 1000


def exit_value(code: int) -> int:
    """Return the exit code as a number that a record can carry."""
    return code + 1000
