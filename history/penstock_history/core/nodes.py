"""What is kept of a run's nodes: columns by node index, packed into a few bytes a node."""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

WAITING, RUNNING, SUCCEEDED, FAILED, SKIPPED, CANCELLED = range(1, 7)  # as NodeStatus
STATUSES: Final = {
    WAITING: "waiting",
    RUNNING: "running",
    SUCCEEDED: "succeeded",
    FAILED: "failed",
    SKIPPED: "skipped",
    CANCELLED: "cancelled",
}
ENDED: Final = frozenset({SUCCEEDED, FAILED})  # an attempt ended there last
NEVER: Final = -1
ATTEMPTS_MAX: Final = 255  # more are counted as so many

_HEAD: Final = struct.Struct("<BI")  # version, nodes
_RAW, _COMPRESSED = 1, 2  # versions
_LEVEL: Final = 1
_RAW_BYTES_MAX: Final = 1024  # compression costs more than it saves


class Nodes:
    """The nodes of one run. Times are microseconds since the run's submission.

    Attributes:
        status: One of the numbers above, by node.
        attempts: Attempts that ended, or run, by node.
        ended_us: When the node's last event was recorded; -1: never.
        duration_us: Of the last attempt that ended, in the operator.
    """

    __slots__ = ("attempts", "duration_us", "ended_us", "status")

    def __init__(self, size: int) -> None:
        self.status = bytearray(bytes([WAITING]) * size)
        self.attempts = bytearray(size)
        self.ended_us: array[int] = array("q", [NEVER]) * size
        self.duration_us: array[int] = array("q", bytes(8 * size))

    def __len__(self) -> int:
        return len(self.status)

    def end(self, node: int, status: int, attempt: int, ended_us: int, duration_us: int) -> None:
        """Note that an attempt ended."""
        self.status[node] = status
        self.attempts[node] = min(attempt, ATTEMPTS_MAX)
        self.ended_us[node] = ended_us
        self.duration_us[node] = max(0, duration_us)

    def reuse(self, nodes: Iterable[int]) -> None:
        """Note what had succeeded when the run began: no attempt of it is the run's own."""
        for node in nodes:
            if 0 <= node < len(self):
                self.status[node], self.ended_us[node] = SUCCEEDED, 0

    def complete(self, earlier: "Nodes") -> None:
        """Add what is known of nodes that succeeded before the run was reopened."""
        for node in range(min(len(self), len(earlier))):
            if self.is_reused(node) and earlier.status[node] == SUCCEEDED:
                self.attempts[node] = earlier.attempts[node]
                self.ended_us[node], self.duration_us[node] = earlier.ended_us[node], earlier.duration_us[node]

    def is_reused(self, node: int) -> bool:
        """Whether a node has succeeded without an attempt."""
        return self.status[node] == SUCCEEDED and not self.attempts[node]

    def started_us(self, node: int) -> int:
        """Return when the node's last attempt began, as far as its duration tells; -1: it never ran."""
        if not self.attempts[node] or self.ended_us[node] < 0:
            return NEVER
        return max(0, self.ended_us[node] - self.duration_us[node])

    def counts(self) -> dict[int, int]:
        """Return how many nodes have each status."""
        return {status: self.status.count(status) for status in STATUSES}

    def of_status(self, wanted: frozenset[int]) -> Iterator[int]:
        """Return the nodes with one of these statuses, ascending."""
        return (node for node, status in enumerate(self.status) if status in wanted)

    def pack(self) -> bytes:
        """Return it as bytes, about two a node where there are many; little-endian on every machine."""
        columns = (bytes(self.status), bytes(self.attempts), _little(self.ended_us), _little(self.duration_us))
        data = b"".join(columns)
        if len(data) <= _RAW_BYTES_MAX:
            return _HEAD.pack(_RAW, len(self)) + data
        return _HEAD.pack(_COMPRESSED, len(self)) + zlib.compress(data, _LEVEL)

    @classmethod
    def unpack(cls, data: bytes) -> "Nodes":
        """Read what `pack` returned; raise ValueError for anything else."""
        if len(data) < _HEAD.size:
            raise ValueError("the columns of a run's nodes are cut off")
        version, size = _HEAD.unpack_from(data)
        if version not in (_RAW, _COMPRESSED):
            raise ValueError(f"the columns of a run's nodes have version {version}, which this code does not know")
        try:
            columns = data[_HEAD.size :] if version == _RAW else zlib.decompress(data[_HEAD.size :])
        except zlib.error as error:
            raise ValueError(f"the columns of a run's nodes are damaged: {error}") from None
        if len(columns) != 18 * size:
            raise ValueError(f"the columns of {size} nodes have {len(columns)} bytes")
        nodes = cls(0)
        nodes.status, nodes.attempts = bytearray(columns[:size]), bytearray(columns[size : 2 * size])
        nodes.ended_us = _from_little(columns[2 * size : 10 * size])
        nodes.duration_us = _from_little(columns[10 * size :])
        return nodes


def _little(numbers: "array[int]") -> bytes:
    if sys.byteorder == "little":
        return numbers.tobytes()
    swapped = array("q", numbers)
    swapped.byteswap()
    return swapped.tobytes()


def _from_little(data: bytes) -> "array[int]":
    numbers = array("q")
    numbers.frombytes(data)
    if sys.byteorder != "little":
        numbers.byteswap()
    return numbers
