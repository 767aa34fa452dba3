"""What was committed not long ago, kept so that followers and readers of values need no query."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

RECENT_BYTES_MAX: Final = 64 * 2**20
# What a range costs beside its payloads.
RANGE_BYTES: Final = 400
EVENT_BYTES: Final = 80


@dataclass(slots=True, frozen=True)
class Range:
    """Events of one shard that were committed together."""

    from_seq: int
    recorded_at_us: int
    payloads: list[bytes]
    run_ids: list[bytes]

    @property
    def to_seq(self) -> int:
        return self.from_seq + len(self.payloads) - 1


class Recent:
    """The last ranges of every shard, the oldest forgotten first."""

    def __init__(self, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        # By shard, in order and without a gap.
        self._ranges: dict[int, list[Range]] = {}
        self._order: deque[tuple[int, Range, int]] = deque()

    def add(self, shard: int, added: Range) -> None:
        """Keep a range that follows the one before."""
        ranges = self._ranges.setdefault(shard, [])
        if ranges and ranges[-1].to_seq + 1 != added.from_seq:
            self.forget(shard)
            ranges = self._ranges.setdefault(shard, [])
        ranges.append(added)
        size = RANGE_BYTES + EVENT_BYTES * len(added.payloads) + sum(map(len, added.payloads))
        self._order.append((shard, added, size))
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._drop_oldest()

    def forget(self, shard: int) -> None:
        """Drop what is kept of a shard: its log goes on elsewhere."""
        self._ranges.pop(shard, None)

    def payload(self, shard: int, seq: int) -> bytes | None:
        """Return one event's payload if it is still here."""
        ranges = self._ranges.get(shard)
        if not ranges or not ranges[0].from_seq <= seq <= ranges[-1].to_seq:
            return None
        found = ranges[bisect_right(ranges, seq, key=_from_seq) - 1]
        return found.payloads[seq - found.from_seq]

    def since(self, shard: int, from_seq: int) -> list[Range] | None:
        """Return the ranges that hold `from_seq` and all after it; None if that is too long ago to be here."""
        ranges = self._ranges.get(shard)
        if not ranges or from_seq < ranges[0].from_seq:
            return None
        return ranges[max(0, bisect_right(ranges, from_seq, key=_from_seq) - 1) :]

    def _drop_oldest(self) -> None:
        shard, dropped, size = self._order.popleft()
        self._bytes -= size
        ranges = self._ranges.get(shard)
        # Else it was forgotten before with its shard.
        if ranges and ranges[0] is dropped:
            del ranges[0]


def _from_seq(kept: Range) -> int:
    return kept.from_seq
