"""Where a follower is in one shard's log, and what it does with each message. No I/O."""

from bisect import bisect_left
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar


class Ranged(Protocol):
    """A message about a range of one shard's log."""

    @property
    def shard(self) -> int: ...
    @property
    def epoch(self) -> int: ...


Batch = TypeVar("Batch", bound=Ranged)

# Messages that wait, in one shard, for what lies between: more are dropped, and read again later.
BUFFERED_MESSAGES_MAX = 1024


def _range(kept: tuple[int, int, Any]) -> tuple[int, int]:
    return kept[0], kept[1]


class Mode(Enum):
    LOADING = "loading"  # without a state: waits for a snapshot
    FOLLOWING = "following"
    HELD = "held"  # the consumer cannot take the next message yet


class Position(Generic[Batch]):
    """Puts the ranges (after_seq, to_seq] of one shard into order, whatever came repeated, late or never."""

    __slots__ = ("epoch", "kept", "known", "mode", "seq", "shard")

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.epoch = 0
        self.seq = 0
        self.known = 0  # the log is known to reach here
        self.mode = Mode.LOADING
        self.kept: list[tuple[int, int, Batch]] = []  # ranges that wait for what lies before them

    @property
    def is_behind(self) -> bool:
        """Something is missing that no message in sight brings."""
        return self.mode is Mode.LOADING or (self.mode is Mode.FOLLOWING and self.known > self.seq)

    def follows(self, after_seq: int, to_seq: int) -> bool:
        """Whether the consumer takes this range now. An overlapping one is taken: it brings something new."""
        return self.mode is Mode.FOLLOWING and after_seq <= self.seq < to_seq

    def note_taken(self, to_seq: int, epoch: int) -> None:
        """The consumer has taken a range that `follows`."""
        self.seq = to_seq
        self.epoch = epoch
        if to_seq > self.known:
            self.known = to_seq

    def keep(self, after_seq: int, to_seq: int, batch: Batch) -> None:
        """Remember a range that cannot be taken yet; forget one that is old."""
        if to_seq <= self.seq and self.mode is not Mode.LOADING:
            return
        if to_seq > self.known:
            self.known = to_seq
        place = bisect_left(self.kept, (after_seq, to_seq), key=_range)
        repeated = place < len(self.kept) and _range(self.kept[place]) == (after_seq, to_seq)
        if not repeated and len(self.kept) < BUFFERED_MESSAGES_MAX:
            self.kept.insert(place, (after_seq, to_seq, batch))

    def pop(self) -> Batch | None:
        """Remove and return a kept range that can be taken now; None if there is none."""
        buffer = self.kept
        if not buffer or self.mode is not Mode.FOLLOWING:
            return None
        old = 0
        while old < len(buffer) and buffer[old][1] <= self.seq:
            old += 1
        del buffer[:old]
        return buffer.pop(0)[2] if buffer and buffer[0][0] <= self.seq else None

    def hold(self) -> None:
        self.mode = Mode.HELD

    def resume(self) -> None:
        if self.mode is Mode.HELD:
            self.mode = Mode.FOLLOWING

    def reload(self) -> None:
        """Only a snapshot helps now; what comes meanwhile is kept."""
        self.mode = Mode.LOADING

    def forget(self) -> None:
        """What was taken is not in the log: only a snapshot helps, even one from before."""
        self.seq = self.epoch = self.known = 0
        self.kept.clear()
        self.reload()

    def note_loaded(self, seq: int, epoch: int) -> None:
        """The consumer's state is now that of a snapshot."""
        self.seq = seq
        self.epoch = epoch
        self.known = max(self.known, seq)
        self.mode = Mode.FOLLOWING
