"""What an execution needs: actions with the same needs share one shape, and with it the search for a worker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from penstock_proto.plan.v1.plan_pb2 import Resources

if TYPE_CHECKING:
    from .workers import Worker


class Shape:
    """Needed resources, and the workers that may have room for them now."""

    __slots__ = (
        "blocked_since",
        "candidates",
        "cpu_milli",
        "gpu",
        "labels",
        "memory_bytes",
        "queued",
        "reserved",
        "share",
    )

    def __init__(self, cpu_milli: int, gpu: int, memory_bytes: int, labels: tuple[tuple[str, str], ...]) -> None:
        self.cpu_milli, self.gpu, self.memory_bytes, self.labels = cpu_milli, gpu, memory_bytes, labels
        self.candidates: OrderedDict[Worker, None] = OrderedDict()
        self.queued: int = 0
        self.reserved: Worker | None = None  # kept free for this shape
        self.blocked_since: float | None = None
        self.share: float = 0.0  # largest share of the pool's capacity that one execution holds, 0 to 1

    def text(self) -> str:
        """Name the needs for people: "cpu 2, gpu 1"."""
        parts = [f"cpu {self.cpu_milli / 1000:g}"] if self.cpu_milli else []
        parts += [f"gpu {self.gpu}"] if self.gpu else []
        parts += [f"memory {self.memory_bytes / 2**20:.0f} MiB"] if self.memory_bytes else []
        parts += [f"label {name}={value}" for name, value in self.labels]
        return ", ".join(parts) or "nothing"


class Shapes:
    """All shapes in use."""

    __slots__ = ("_by_bytes", "_by_need")

    BYTES_MAX = 4096

    def __init__(self) -> None:
        self._by_need: dict[tuple[int, int, int, tuple[tuple[str, str], ...]], Shape] = {}
        self._by_bytes: dict[bytes, Shape] = {}  # saves reading the message field by field

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
        labels = tuple(sorted(resources.labels.items()))
        need = (max(0, resources.cpu_milli), max(0, resources.gpu), max(0, resources.memory_bytes), labels)
        shape = self._by_need.get(need)
        new = shape is None
        if shape is None:
            shape = self._by_need[need] = Shape(*need)
        if len(self._by_bytes) >= self.BYTES_MAX:
            self._by_bytes.clear()
        self._by_bytes[data] = shape
        return shape, new

    def forget(self, unused: set[Shape]) -> None:
        """Drop shapes that nothing waits for or holds."""
        self._by_need = {need: shape for need, shape in self._by_need.items() if shape not in unused}
        self._by_bytes = {data: shape for data, shape in self._by_bytes.items() if shape not in unused}
