"""Values that grants carry: those that came by not long ago."""

from __future__ import annotations

from collections import OrderedDict

BYTES_MAX = 64 * 2**20
ENTRY_BYTES = 300  # of bookkeeping, for each

Position = tuple[int, int]  # shard, seq


class ValueCache:
    """The encoded `Values` recorded at positions of logs, least recently used forgotten first."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._of: OrderedDict[Position, bytes] = OrderedDict()
        self._bytes_max = bytes_max
        self.bytes: int = 0

    def get(self, position: Position) -> bytes | None:
        values = self._of.get(position)
        if values is not None:
            self._of.move_to_end(position)
        return values

    def put(self, position: Position, values: bytes) -> None:
        if position in self._of:
            return
        self._of[position] = values
        self.bytes += len(values) + ENTRY_BYTES
        while self.bytes > self._bytes_max:
            self.bytes -= len(self._of.popitem(last=False)[1]) + ENTRY_BYTES
