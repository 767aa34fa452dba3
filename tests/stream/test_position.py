"""The order of one shard's ranges, whatever came repeated, late or never."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as some
from penstock_stream.position import BUFFERED_MESSAGES_MAX, Mode, Position


@dataclass(frozen=True)
class Range:
    after_seq: int
    to_seq: int
    shard: int = 0
    epoch: int = 1


def offer(position: Position[Range], batch: Range, taken: list[int]) -> None:
    """What the follower does with a message; `taken` gets each position of the log that the consumer saw."""
    if position.follows(batch.after_seq, batch.to_seq):
        taken += range(position.seq + 1, batch.to_seq + 1)
        position.note_taken(batch.to_seq, batch.epoch)
        while (kept := position.pop()) is not None:
            taken += range(position.seq + 1, kept.to_seq + 1)
            position.note_taken(kept.to_seq, kept.epoch)
    else:
        position.keep(batch.after_seq, batch.to_seq, batch)


ranges = some.builds(lambda after, count: Range(after, after + count), some.integers(0, 30), some.integers(1, 6))


@given(some.lists(ranges, max_size=60), some.integers(0, 10))
def test_everything_is_taken_once_in_order(batches: list[Range], start: int) -> None:
    position = Position[Range](0)
    taken: list[int] = []
    for batch in batches[:5]:
        offer(position, batch, taken)
    assert taken == [], "without a state nothing is taken"
    position.note_loaded(start, 1)
    for batch in [*batches, *batches]:
        offer(position, batch, taken)
    assert taken == list(range(start + 1, position.seq + 1))
    assert position.is_behind == (position.known > position.seq)


def test_a_gap_waits_and_is_filled() -> None:
    position = Position[Range](0)
    position.note_loaded(0, 1)
    taken: list[int] = []
    offer(position, Range(2, 4), taken)
    assert position.is_behind and taken == []
    offer(position, Range(0, 2), taken)
    assert not position.is_behind and taken == [1, 2, 3, 4]


def test_a_held_shard_keeps_what_comes() -> None:
    position = Position[Range](0)
    position.note_loaded(0, 1)
    position.hold()
    taken: list[int] = []
    offer(position, Range(0, 2), taken)
    assert taken == [] and position.mode is Mode.HELD and not position.is_behind
    position.resume()
    assert position.pop() == Range(0, 2)


def test_what_does_not_fit_is_read_again() -> None:
    position = Position[Range](0)
    position.note_loaded(0, 1)
    for after_seq in range(1, BUFFERED_MESSAGES_MAX + 10):
        position.keep(after_seq, after_seq + 1, Range(after_seq, after_seq + 1))
    assert position.is_behind and position.known == BUFFERED_MESSAGES_MAX + 10
    taken: list[int] = []
    offer(position, Range(0, 1), taken)
    assert position.seq == BUFFERED_MESSAGES_MAX + 1 and position.is_behind
