"""What is kept of a run's nodes: columns by node index, packed into a few bytes a node."""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from penstock_plan.graph import PlanGraph
from penstock_plan.growth import ADDED_NODES_MAX, GrownGraph, RunGraph, graph_of_run

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
_RAW, _COMPRESSED, _GROWN = 1, 2, 3  # versions; the last begins with the growths
_GROWTHS: Final = struct.Struct("<I")
_GROWTH: Final = struct.Struct("<III")
_LEVEL: Final = 1
_RAW_BYTES_MAX: Final = 1024  # compression costs more than it saves


class Growth(NamedTuple):
    """What a map added: its node, the number of nodes if that is known, else the number of items."""

    node: int
    added: int
    items: int = 0


class Nodes:
    """The nodes of one run, with those that maps have added. Times are microseconds since the run's submission.

    Attributes:
        status: One of the numbers above, by node.
        attempts: Attempts that ended, or run, by node.
        ended_us: When the node's last event was recorded; -1: never.
        duration_us: Of the last attempt that ended, in the operator.
        growths: What the maps have added, in their order.
    """

    __slots__ = ("attempts", "duration_us", "ended_us", "growths", "status")

    def __init__(self, size: int) -> None:
        self.status = bytearray(bytes([WAITING]) * size)
        self.attempts = bytearray(size)
        self.ended_us: array[int] = array("q", [NEVER]) * size
        self.duration_us: array[int] = array("q", bytes(8 * size))
        self.growths: list[Growth] = []

    def grow(self, node: int, added: int) -> None:
        """Add the nodes of a map's items."""
        self.growths.append(Growth(node, added))
        self._add(added)

    def has(self, node: int) -> bool:
        """Whether the run has such a node. Where only the numbers of items are known, nodes are added as they come."""
        if len(self) <= node < ADDED_NODES_MAX and any(growth.items for growth in self.growths):
            self._add(node + 1 - len(self))
        return 0 <= node < len(self)

    def _add(self, added: int) -> None:
        self.status += bytes([WAITING]) * added
        self.attempts += bytes(added)
        self.ended_us.extend(array("q", [NEVER]) * added)
        self.duration_us.frombytes(bytes(8 * added))

    def graph(self, plan: PlanGraph) -> RunGraph | None:
        """Return the run's graph, as it has grown; None if that does not fit the nodes."""
        graph = graph_of_run(plan)
        if isinstance(graph, GrownGraph):
            for node, added, items in self.growths:
                graph.grow(node, items or graph.items_of(node, added))
            self._add(max(0, graph.size - len(self)))
        return graph if graph.size == len(self) else None

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
        self.keep(nodes, SUCCEEDED)

    def keep(self, nodes: Iterable[int], status: int) -> None:
        """Note nodes that had ended when the run began, or went on."""
        for node in nodes:
            if self.has(node):
                self.status[node], self.ended_us[node] = status, 0

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
        if self.growths:
            growths = b"".join(_GROWTH.pack(*growth) for growth in self.growths)
            data = _GROWTHS.pack(len(self.growths)) + growths + data
            return _HEAD.pack(_GROWN, len(self)) + zlib.compress(data, _LEVEL)
        if len(data) <= _RAW_BYTES_MAX:
            return _HEAD.pack(_RAW, len(self)) + data
        return _HEAD.pack(_COMPRESSED, len(self)) + zlib.compress(data, _LEVEL)

    @classmethod
    def unpack(cls, data: bytes) -> "Nodes":
        """Read what `pack` returned; raise ValueError for anything else."""
        if len(data) < _HEAD.size:
            raise ValueError("the columns of a run's nodes are cut off")
        version, size = _HEAD.unpack_from(data)
        if version not in (_RAW, _COMPRESSED, _GROWN):
            raise ValueError(f"the columns of a run's nodes have version {version}, which this code does not know")
        try:
            columns = data[_HEAD.size :] if version == _RAW else zlib.decompress(data[_HEAD.size :])
        except zlib.error as error:
            raise ValueError(f"the columns of a run's nodes are damaged: {error}") from None
        nodes = cls(0)
        if version == _GROWN:
            end = _GROWTHS.size + _GROWTH.size * _GROWTHS.unpack_from(columns)[0]
            nodes.growths = [Growth(*each) for each in _GROWTH.iter_unpack(columns[_GROWTHS.size : end])]
            columns = columns[end:]
        if len(columns) != 18 * size:
            raise ValueError(f"the columns of {size} nodes have {len(columns)} bytes")
        nodes.status, nodes.attempts = bytearray(columns[:size]), bytearray(columns[size : 2 * size])
        nodes.ended_us = _from_little(columns[2 * size : 10 * size])
        nodes.duration_us = _from_little(columns[10 * size :])
        return nodes


def operators_of(graph: RunGraph) -> list[str]:
    """Return the operator of each node of a run."""
    return graph.expanded(graph.plan.operators) if isinstance(graph, GrownGraph) else graph.operators


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
