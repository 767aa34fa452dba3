"""The resources of an execution: actions with the same needs share one shape and the search for a worker."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from penstock_proto.plan.v1.plan_pb2 import Resources

from .records import Need, Shape


class Shapes:
    """All shapes in use.

    Beyond `EXACT_MAX` of them, cores and memory are rounded up, by a sixteenth at most: a plan may give each of its
    nodes a need of its own. What a worker has in all is never rounded over.
    """

    __slots__ = ("_by_bytes", "_by_need", "_edges", "waiting")

    BYTES_MAX = 4096
    EXACT_MAX = 256

    def __init__(self) -> None:
        self.waiting: dict[Shape, None] = {}  # with queued attempts
        self._by_need: dict[Need, Shape] = {}
        self._by_bytes: dict[bytes, Shape] = {}  # saves reading the message field by field
        self._edges: tuple[list[int], list[int]] = ([], [])  # cores and memory that workers have, ascending

    def __iter__(self) -> Iterator[Shape]:
        return iter(self._by_need.values())

    def __len__(self) -> int:
        return len(self._by_need)

    def of(self, resources: Resources) -> tuple[Shape, bool]:
        """Return the shape of these resources, and whether it is new."""
        data = resources.SerializeToString()
        shape = self._by_bytes.get(data)
        if shape is not None:
            return shape, False
        need = need_of(resources)
        labels = need[3]
        shape, is_rounded = self._by_need.get(need), False
        if shape is None and len(self._by_need) >= self.EXACT_MAX:
            exact, need = need, (rounded(need[0], self._edges[0]), need[1], rounded(need[2], self._edges[1]), labels)
            shape = self._by_need.get(need)
            is_rounded = need != exact
        new = shape is None
        if shape is None:
            shape = self._by_need[need] = Shape(need, self.waiting)
        shape.is_rounded |= is_rounded
        if len(self._by_bytes) >= self.BYTES_MAX:
            self._by_bytes.clear()
        self._by_bytes[data] = shape
        return shape, new

    def outgrow(self, cpu_milli: int, memory_bytes: int) -> list[Shape]:
        """Take note of what a worker has; return the shapes that stand for needs below and above it, out of use now."""
        outgrown = [
            shape
            for shape in self
            if shape.is_rounded and (_cuts(cpu_milli, shape.cpu_milli) or _cuts(memory_bytes, shape.memory_bytes))
        ]
        for edges, amount in zip(self._edges, (cpu_milli, memory_bytes), strict=True):
            if amount not in edges:
                insort(edges, amount)
        if outgrown:
            self._by_bytes.clear()
            for shape in outgrown:
                shape.is_outgrown = True
                del self._by_need[shape.cpu_milli, shape.gpu, shape.memory_bytes, shape.labels]
        return outgrown

    def forget(self, unused: set[Shape]) -> None:
        """Drop shapes that nothing waits for or holds."""
        self._by_need = {need: shape for need, shape in self._by_need.items() if shape not in unused}
        self._by_bytes = {data: shape for data, shape in self._by_bytes.items() if shape not in unused}


def need_of(resources: Resources) -> Need:
    """Return the resources as a key."""
    labels = tuple(sorted(resources.labels.items()))
    return max(0, resources.cpu_milli), max(0, resources.gpu), max(0, resources.memory_bytes), labels


def _cuts(amount: int, need: int) -> bool:
    """Whether an amount lies within the needs that a rounded one stands for."""
    return amount < need and rounded(amount, ()) == rounded(need, ())


def rounded(amount: int, edges: Sequence[int]) -> int:
    """Round an amount up to five binary digits, but not over an edge."""
    step = 1 << max(0, amount.bit_length() - 5)
    up = -(-amount // step) * step
    at = bisect_left(edges, amount)
    return min(up, edges[at]) if at < len(edges) else up
