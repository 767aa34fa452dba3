"""Values as they travel: inline or as artifacts of a real store."""

from pathlib import Path
from typing import Any, cast

import numpy
import pytest
from penstock.codecs import INLINE_TOTAL_BYTES_MAX, Undecodable, encode, from_value, to_value, to_values
from penstock_artifact_store import ArtifactMissing, LocalStore
from penstock_proto.value.v1 import value_pb2


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_small_values_are_inline(store: LocalStore) -> None:
    value = to_value(encode(5, int), store)
    assert value == value_pb2.Value(codec="json", inline=b"5", size_bytes=1, type_name="int")
    assert from_value(value, int) == 5


@pytest.mark.parametrize("length", [1022, 1023, 2_000_000])
def test_larger_values_are_artifacts(store: LocalStore, length: int) -> None:
    text = "x" * length
    value = to_value(encode(text, str), store)
    assert (value.WhichOneof("body") == "inline") == (length == 1022)
    assert value.size_bytes == length + 2
    assert from_value(value, str, store) == text


def test_large_arrays_are_mapped_and_may_be_written_to(store: LocalStore) -> None:
    array = numpy.arange(1_000_000)
    value = to_value(encode(array, numpy.ndarray), store)
    out = cast(Any, from_value(value, numpy.ndarray, store))
    out[:] = 0
    assert numpy.array_equal(cast(Any, from_value(value, numpy.ndarray, store)), array)
    assert store.get(value.artifact)


def test_all_outputs_of_an_action_are_inline_up_to_a_limit(store: LocalStore) -> None:
    values = to_values([encode("x" * 1000, str) for _ in range(100)], store).values
    inline = [len(value.inline) for value in values]
    assert INLINE_TOTAL_BYTES_MAX - 1024 < sum(inline) <= INLINE_TOTAL_BYTES_MAX
    assert [from_value(value, str, store) for value in values] == ["x" * 1000] * 100


def test_what_cannot_be_had_is_said(store: LocalStore) -> None:
    with pytest.raises(Undecodable, match="no body"):
        from_value(value_pb2.Value(codec="json"), int, store)
    with pytest.raises(Undecodable, match="no artifact store"):
        from_value(value_pb2.Value(codec="json", artifact=bytes(32)), int)
    with pytest.raises(ArtifactMissing):
        from_value(value_pb2.Value(codec="json", artifact=bytes(32)), int, store)
