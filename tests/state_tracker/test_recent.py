"""What was committed not long ago: never wrong, at most forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_state_tracker.log.recent import EVENT_BYTES, RANGE_BYTES, Range, Recent


def kept(from_seq: int, count: int) -> Range:
    seqs = range(from_seq, from_seq + count)
    return Range(from_seq, from_seq * 10, [str(seq).encode() for seq in seqs], [bytes([seq % 3]) for seq in seqs])


# Appends of so many events to a shard; 0: the shard is forgotten, and has moved on by some events when it comes back.
STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=60)


@given(steps=STEPS, room=st.integers(0, 8))
def test_it_gives_what_was_added_or_nothing(steps: list[tuple[int, int]], room: int) -> None:
    recent = Recent(room * (RANGE_BYTES + 3 * EVENT_BYTES))
    ends = [0, 0, 0]
    for shard, count in steps:
        if count == 0:
            recent.forget(shard)
            ends[shard] += 7
            continue
        recent.add(shard, kept(ends[shard] + 1, count))
        ends[shard] += count
        for one, end in enumerate(ends):
            for seq in range(1, end + 2):
                assert recent.payload(one, seq) in (None, str(seq).encode())
                ranges = recent.since(one, seq)
                if ranges is not None and seq <= ranges[-1].to_seq:
                    found = [
                        (at, payload) for each in ranges for at, payload in enumerate(each.payloads, each.from_seq)
                    ]
                    assert found[0][0] <= seq <= found[-1][0]
                    assert found == [(at, str(at).encode()) for at in range(found[0][0], ranges[-1].to_seq + 1)]


def test_the_newest_is_there_and_the_oldest_goes() -> None:
    recent = Recent(10 * (RANGE_BYTES + EVENT_BYTES + 10))
    for seq in range(1, 101):
        recent.add(0, kept(seq, 1))
    assert recent.payload(0, 100) == b"100"
    assert recent.payload(0, 80) is None
    ranges = recent.since(0, 95)
    assert ranges is not None and [one.from_seq for one in ranges] == [95, 96, 97, 98, 99, 100]


@pytest.mark.parametrize("seq", [0, 1, 5])
def test_an_unknown_shard_has_nothing(seq: int) -> None:
    assert Recent().payload(7, seq) is None and Recent().since(7, seq) is None
