"""The facts of the wire, and the page that writers of other SDKs read."""

import re
import uuid
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from penstock_proto import wire
from penstock_proto.state_tracker.v1.events_pb2 import Cause, RunState

PAGE = (Path(__file__).parent.parent.parent / "docs" / "wire.md").read_text(encoding="utf-8")


def test_the_shard_follows_from_the_last_four_bytes() -> None:
    assert wire.shard_of(bytes(12) + (1_000).to_bytes(4, "big"), 256) == 1_000 % 256


def test_all_shards_are_used() -> None:
    used = {wire.shard_of(uuid.uuid4().bytes, 4) for _ in range(200)}
    assert used == {0, 1, 2, 3}


def test_values_of_enums_have_their_plain_names() -> None:
    assert wire.name_of(Cause, Cause.CAUSE_OUT_OF_MEMORY) == "out_of_memory"
    assert wire.name_of(Cause, 9_999) == "9999"
    assert wire.names_of(RunState)[RunState.RUN_STATE_SUCCEEDED] == "succeeded"


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_pieces_are_whole_and_as_large_as_fits(sizes: list[int], bytes_max: int) -> None:
    cut = list(wire.pieces(sizes, bytes_max))
    assert [size for piece in cut for size in sizes[piece]] == sizes
    totals = [sum(sizes[piece]) for piece in cut]
    assert all(
        total <= bytes_max or len([size for size in sizes[piece] if size]) == 1
        for piece, total in zip(cut, totals, strict=True)
    )
    for piece, following in pairwise(cut):
        assert sum(sizes[piece]) + sizes[following.start] > bytes_max


def test_no_items_are_one_empty_piece() -> None:
    assert list(wire.pieces([])) == [slice(0, 0)]


def test_the_page_has_the_numbers_of_the_code() -> None:
    stated = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE, re.MULTILINE))
    constants = {name: value for name, value in vars(wire).items() if name.isupper()}
    spelt = {name: ", ".join(value) if isinstance(value, tuple) else str(value) for name, value in constants.items()}
    assert {name: stated[name] for name in constants} == spelt


def test_the_vectors_of_the_page_hold() -> None:
    vectors = re.findall(r"^\| `([0-9a-f-]{36})` \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(vectors) >= 3
    for text, shards, shard in vectors:
        assert wire.shard_of(uuid.UUID(text).bytes, int(shards)) == int(shard)


def test_the_ids_of_child_runs_are_those_of_the_page() -> None:
    vectors = re.findall(r"^\| `([0-9a-f-]{36})` \| `([0-9a-f-]{36})` \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(vectors) >= 2
    for parent, child, node, number in vectors:
        made = uuid.UUID(bytes=wire.child_run_id(uuid.UUID(parent).bytes, int(node), int(number)))
        assert (str(made), made.version, made.variant) == (child, 7, uuid.RFC_4122)
