"""The runs that are open in each log, and the marks from which the logs are read after a restart. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from penstock_proto.state_tracker.v1.events_pb2 import Event

from .messages import Events


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a shard's log is taken.

    Attributes:
        from_seq: From here on the log has to be read again after a restart: runs were open.
        taken_seq: Up to here, what ended is kept already.
    """

    from_seq: int
    taken_seq: int


class Invalid(NamedTuple):
    """An event that could not be taken, and why."""

    seq: int
    error: Exception


class HasBegun(Protocol):
    """A run, which knows the position of its first event."""

    first_seq: int


Run = TypeVar("Run", bound=HasBegun)


class OpenRuns(Generic[Run]):
    """The open runs of all shards, and the position in each log."""

    def __init__(self, marks: dict[int, Mark]) -> None:
        self._marks = dict(marks)
        # By shard, the oldest first.
        self._open: dict[int, dict[bytes, Run]] = {}
        self._positions: dict[int, int] = {}
        self._moved: set[int] = set()

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def position(self, shard: int) -> int:
        """Return the last position of a shard that was taken."""
        return self._positions[shard]

    def take_marks(self) -> dict[int, Mark]:
        """Return the marks of the shards that moved since the last call."""
        marks: dict[int, Mark] = {}
        for shard in self._moved:
            position, runs = self._positions[shard], self._open[shard]
            first = next(iter(runs.values())).first_seq if runs else position + 1
            marks[shard] = self._marks[shard] = Mark(first, max(position, self._marks[shard].taken_seq))
        self._moved.clear()
        return marks

    def _begin(self, shard: int) -> int:
        """Start with a shard at its mark; return the position after which its log has to be read."""
        self._open[shard] = {}
        self._positions[shard] = self._marks[shard].from_seq - 1
        return self._positions[shard]

    def _new_events(self, batch: Events) -> tuple[int, Sequence[Event]]:
        """Go on to the end of a batch; return its events that were not taken before, and the position of the first.

        A batch that begins later than expected is taken: the log does not go back so far.
        """
        shard, first_seq, events = batch.shard, batch.from_seq, batch.events
        last_seq, known_seq = first_seq + len(events) - 1, self._positions[shard]
        if last_seq <= known_seq:
            return first_seq, ()
        self._positions[shard] = last_seq
        self._moved.add(shard)
        if first_seq > known_seq:
            return first_seq, events
        return known_seq + 1, events[known_seq + 1 - first_seq :]
