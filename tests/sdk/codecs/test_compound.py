"""Containers that hold arrays and the like: the container, the leaves and the types come back."""

import dataclasses
from collections import OrderedDict
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar, cast

import numpy
import pandas
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock import ml
from penstock.codecs import BadValue, NoCodec, Undecodable, WrongType, decode, encode

Item = TypeVar("Item")
Array = numpy.ndarray[Any, Any]
ONES = numpy.ones((2, 3))


class Split(NamedTuple):
    train: Array
    size: int


class Columns(TypedDict):
    x: Array
    name: str


@dataclasses.dataclass
class Weights:
    matrix: Array | None
    scale: int | float = 1
    steps: dict[int, str] = dataclasses.field(default_factory=dict)
    seen: int = dataclasses.field(init=False, default=0)


@dataclasses.dataclass(frozen=True, slots=True)
class Box(Generic[Item]):
    item: Item


class Fitted(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    coefficients: Array
    note: str = ""


def back(value: object, annotation: object = Any) -> Any:
    encoded = encode(value, annotation)
    assert encoded.codec == "bundle"
    return decode("bundle", encoded.data, annotation)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, numpy.ndarray):
        return isinstance(right, numpy.ndarray) and left.dtype == right.dtype and numpy.array_equal(left, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        mine, other = cast(dict[Any, Any], left), cast(dict[Any, Any], right)
        return list(mine) == list(other) and all(same(mine[key], other[key]) for key in mine)
    if isinstance(left, (list, tuple)):
        ours, theirs = cast(list[Any], left), cast(list[Any], right)
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in dataclasses.fields(left))
    if isinstance(left, pydantic.BaseModel):
        return same(left.__dict__, right.__dict__)
    return bool(left == right)


ARRAYS = st.lists(st.integers(-5, 5), max_size=4).map(numpy.array)
NESTED = st.recursive(
    ARRAYS | st.none() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(value=NESTED)
def test_whatever_is_nested_comes_back(value: object) -> None:
    value = {"array": ONES, "rest": value}
    assert same(back(value), back(value, dict[str, Any]))
    assert encode(value).data == encode(value).data
    assert same(back(value), value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ([ONES, ONES * 2], list[Array]),
        ((ONES, 1), tuple[Array, int]),
        ((ONES, ONES), tuple[Array, ...]),
        ({"a": ONES}, dict[str, Array]),
        ({1: ONES, 2: None}, dict[int, Array | None]),
        (OrderedDict(b=ONES, a=ONES), OrderedDict[str, Array]),
        (Split(ONES, 3), Split),
        ({"x": ONES, "name": "n"}, Columns),
        (Weights(ONES, 2.5, {3: "c"}), Weights),
        ([Weights(ONES)], list[Weights]),
        (Box(ONES), Box[Array]),
        (Box(Box([ONES])), Box[Box[list[Array]]]),
        (Fitted(coefficients=ONES, note="x"), Fitted),
        ([Split(ONES, 1), None], list[Split | None]),
        ([Weights(ONES), Box(ONES)], list[Weights | Box[Array]]),
        ({(1, 2): "a"}, dict[tuple[int, int], str]),
        ({1: "a", "b": 2.5}, dict[Any, Any]),
        ({True: 1, None: 2}, dict[Any, Any]),
        (ml.Dataset({"x": ONES, "y": [1, 2]}, "name"), ml.Dataset),
        (ml.FeatureSet(ONES, numpy.arange(2), ["a", "b", "c"]), ml.FeatureSet[Any]),
        (ml.Model({"w": ONES}, "numpy", {"layers": [1, 2]}), ml.Model[dict[str, Array]]),
    ],
)
def test_types_come_back(value: object, annotation: object) -> None:
    assert same(back(value, annotation), value)


def test_records_without_an_annotation_are_refused() -> None:
    with pytest.raises(NoCodec, match="annotate it Weights"):
        encode([Weights(ONES)])


def test_fields_that_the_constructor_does_not_take() -> None:
    weights = Weights(ONES)
    weights.seen = 7
    assert back(weights, Weights).seen == 7


def test_metrics_and_reports_are_plain_json() -> None:
    report = ml.Report("t", "text", ml.Metrics({"accuracy": 0.5}))
    encoded = encode(report, ml.Report)
    assert encoded.codec == "json"
    out = cast(ml.Report, decode("json", encoded.data, ml.Report))
    assert (out.title, out.metrics["accuracy"]) == ("t", 0.5)


def test_a_dataset_of_a_frame() -> None:
    frame = pandas.DataFrame({"text": ["a", "b"], "n": [1, 2]})
    out = back(ml.Dataset.from_pandas(frame), ml.Dataset)
    pandas.testing.assert_frame_equal(out.to_pandas(), frame)


def test_files_within(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    out = back({"files": [tmp_path / "a.txt"]}, dict[str, list[Path]])
    assert out["files"][0].read_bytes() == b"hello"


def test_mapped_leaves_are_aligned_and_may_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(encode({"t": "x", "a": ONES, "b": ONES}).data)
    out = cast(Any, decode("bundle", tmp_path / "file", Any))
    out["a"] += 1
    assert out["a"].ctypes.data % 64 == out["b"].ctypes.data % 64 == 0
    assert numpy.array_equal(out["b"], ONES)


@pytest.mark.parametrize(
    ("value", "annotation", "error", "text"),
    [
        ([ONES, object()], list[Any], NoCodec, "value[1] is a object"),
        ({"a": {"b": [ONES, object()]}}, Any, NoCodec, "value['a']['b'][1]"),
        ([ONES, 1], list[Array], WrongType, "value[1]: expected numpy.ndarray"),
        ((ONES, 1, 2), tuple[Array, int], WrongType, "given tuple"),
        (Weights(cast(Any, [1])), Weights, WrongType, "value.matrix"),
        (Split(ONES, cast(Any, "x")), Split, WrongType, "value.size: expected int, given str 'x'"),
        ({1, ONES.tobytes()}, set[int], WrongType, "expected"),
    ],
)
def test_what_is_wrong_within_is_named(value: object, annotation: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        encode(value, annotation)
    assert text in str(caught.value)


def test_what_contains_itself_is_refused() -> None:
    loop: list[object] = [ONES]
    loop.append(loop)
    with pytest.raises(BadValue, match="contains itself"):
        encode(loop)


def test_a_bundle_of_another_type_is_refused() -> None:
    data = encode([ONES]).data
    for annotation in (Split, dict[str, Array], Weights, int):
        with pytest.raises((Undecodable, WrongType)):
            decode("bundle", data, annotation)
