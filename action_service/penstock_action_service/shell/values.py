"""Values that grants carry: those that came by not long ago."""

from __future__ import annotations

BYTES_MAX = 64 * 2**20
ENTRY_BYTES = 250  # of bookkeeping, for each, as measured

Position = tuple[int, int]  # shard, seq


class ValueCache:
    """The encoded `Values` recorded at positions of logs.

    In two plain dicts: once the young one has half of the bytes it becomes the old one, and what was not used since the
    last time is forgotten. One ordered dict would grow by itself: a dict never uses a place again.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._young: dict[Position, bytes] = {}
        self._old: dict[Position, bytes] = {}
        self._half_bytes = bytes_max // 2
        self._young_bytes = self._old_bytes = 0

    @property
    def bytes(self) -> int:
        """What is held, with the bookkeeping."""
        return self._young_bytes + self._old_bytes

    def get(self, position: Position) -> bytes | None:
        values = self._young.get(position)
        if values is None and (values := self._old.pop(position, None)) is not None:
            self._old_bytes -= len(values) + ENTRY_BYTES
            self._keep(position, values)
        return values

    def put(self, position: Position, values: bytes) -> None:
        if position not in self._young and position not in self._old:
            self._keep(position, values)

    def _keep(self, position: Position, values: bytes) -> None:
        self._young[position] = values
        self._young_bytes += len(values) + ENTRY_BYTES
        if self._young_bytes > self._half_bytes:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0
