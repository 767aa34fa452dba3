"""Annotations as the plan's types."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import re
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypedDict, TypeVar, Union

import numpy as np
import numpy.typing as npt
import pytest
from annotated_types import Ge, Interval, Len
from hypothesis import given
from hypothesis import strategies as st
from penstock import Dataset, FeatureSet, Metrics, Model, Report
from penstock.compiler.type_table import TypeTable, UnsupportedAnnotation
from penstock.declare.annotations import union
from penstock_plan.check.problems import Problems
from penstock_plan.check.tables import check_types
from penstock_proto.plan.v1 import plan_pb2
from pydantic import BaseModel, Field, PositiveInt

from tests.sdk.programs import Config, Digits, Row, Settings, Split

T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"


class Shape(TypedDict, total=False):
    width: int
    height: typing.Required[int]


@dataclass
class Tree:
    children: list[Tree]
    value: int = 0


@dataclass
class Box(Generic[T]):
    item: T


class MoreDigits(Digits):
    pass


class Labelled(Dataset[T]):
    pass


class Speaks(typing.Protocol):
    def speak(self) -> str: ...


EXAMPLES: list[tuple[Any, str]] = [
    (int, "int"),
    (float, "float"),
    (None, "None"),
    (bytes, "bytes"),
    (Any, "Any"),
    (object, "Any"),
    (T, "Any"),
    (Speaks, "Any"),
    (list, "list"),
    (list[int], "list[int]"),
    (collections.abc.MutableSequence[int], "list[int]"),
    (dict[str, list[int]], "dict[str, list[int]]"),
    (collections.abc.Mapping[str, int], "dict[str, int]"),
    (set[int], "set[int]"),
    (frozenset[int], "set[int]"),
    (tuple[int, str], "tuple[int, str]"),
    (tuple[int, ...], "tuple[int, ...]"),
    (tuple[()], "tuple[()]"),
    (tuple, "tuple[...]"),
    (collections.abc.Sequence[int], "list[int] | tuple[int, ...]"),
    (Optional[int], "int | None"),  # noqa: UP045
    (Union[None, str, int], "int | str | None"),  # noqa: UP007
    (Literal["b", "a", 1], "Literal['a', 'b', 1]"),
    (UserId, "int"),
    (PositiveInt, "Annotated[int, exclusiveMinimum=0]"),
    (Annotated[int, Ge(3), Field(le=5)], "Annotated[int, maximum=5, minimum=3]"),
    (Annotated[float, Interval(gt=0, lt=1)], "Annotated[float, exclusiveMaximum=1, exclusiveMinimum=0]"),
    (Annotated[str, Len(1, 3)], "Annotated[str, maxLength=3, minLength=1]"),
    (Annotated[list[int], Len(2)], "Annotated[list[int], minItems=2]"),
    (Annotated[dict[str, int], Field(max_length=2)], "Annotated[dict[str, int], maxProperties=2]"),
    (Annotated[str, Field(pattern="^a")], "Annotated[str, pattern='^a']"),
    (Annotated[int, "for people"], "int"),
    (Colour, "Colour"),
    (Config, "Config"),
    (Split, "Split"),
    (Settings, "Settings"),
    (Shape, "Shape"),
    (Tree, "Tree"),
    (Box[int], "Box[int]"),
    (Path, "Path"),
    (datetime.datetime, "datetime"),
    (np.ndarray, "ndarray"),
    (npt.NDArray[np.float32], "ndarray[tuple[Any, ...], dtype[float32]]"),
    (Dataset, "Dataset"),
    (Dataset[Row], "Dataset[Row]"),
    (Digits, "Digits[Row]"),
    (Labelled[Row], "Labelled[Row]"),
    (FeatureSet[Row], "FeatureSet[Row]"),
    (Model[bytes], "Model[bytes]"),
    (Metrics, "Metrics"),
    (Report, "Report"),
]


def table() -> tuple[plan_pb2.Plan, TypeTable]:
    plan = plan_pb2.Plan()
    return plan, TypeTable(plan.types)


@pytest.mark.parametrize(("annotation", "spelt"), EXAMPLES, ids=[spelt for _, spelt in EXAMPLES])
def test_each_kind_of_annotation(annotation: Any, spelt: str) -> None:
    plan, types = table()
    index = types.index(annotation)
    assert types.spell(index) == spelt
    problems = Problems()
    assert check_types(problems, list(plan.types)), list(problems)
    assert types.relation.is_assignable(index, index)


def test_records_have_their_fields() -> None:
    plan, types = table()

    def fields(annotation: Any) -> dict[str, tuple[str, bool]]:
        return {
            field.name: (types.spell(field.type), field.required)
            for field in plan.types[types.index(annotation)].fields
        }

    assert fields(Config) == {"rate": ("float", True), "rows": ("list[int]", True)}
    assert fields(Settings) == {
        "rate": ("Annotated[float, exclusiveMinimum=0]", True),
        "rows": ("list[int]", True),
        "name": ("str", False),
    }
    assert fields(Shape) == {"width": ("int", False), "height": ("int", True)}
    assert fields(Box[int]) == {"item": ("int", True)}
    assert fields(Tree) == {"children": ("list[Tree]", True), "value": ("int", False)}


@pytest.mark.parametrize(
    ("given", "expected", "fits"),
    [
        (Digits, Dataset[Row], True),
        (MoreDigits, Dataset[Row], True),
        (MoreDigits, Digits, True),
        (Digits, Dataset, True),
        (Dataset[Row], Digits, False),
        (Digits, Dataset[Split], False),
        (Labelled[Row], Dataset[Row], True),
        (Labelled[Row], Dataset[Split], False),
        (Dataset[Row], FeatureSet[Row], False),
        (Model[bytes], Model[bytes | str], True),
        (Model[bytes | str], Model[bytes], False),
        (Metrics, Report, False),
        (int, float, True),
        (float, int, False),
        (int, int | None, True),
        (int | None, int, False),
        (list[int], collections.abc.Sequence[int], True),
        (tuple[int, int], collections.abc.Sequence[int], True),
        (PositiveInt, Annotated[int, Ge(0)], True),
        (int, PositiveInt, False),
        (Literal["a"], str, True),
        (Config, Settings, False),
        (npt.NDArray[np.float32], np.ndarray, True),
        (np.float64, float, True),
    ],
)
def test_subtyping(given: Any, expected: Any, fits: bool) -> None:
    _, types = table()
    assert types.relation.is_assignable(types.index(given), types.index(expected)) is fits


@pytest.mark.parametrize(
    "annotation",
    [
        collections.abc.Callable[[int], int],
        type,
        type[int],
        collections.abc.Iterator[int],
        collections.abc.Generator[int, None, None],
        list[collections.abc.Iterator[int]],
        "int",
        Literal[b"x"],
        3,
    ],
)
def test_what_is_no_type_of_values(annotation: Any) -> None:
    _, types = table()
    with pytest.raises(UnsupportedAnnotation):
        types.index(annotation)


_LEAVES: list[Any] = [int, float, str, bool, bytes, None, Any, Path, Config, Split, Settings, Dataset[Row], Metrics]
ANNOTATIONS = st.recursive(
    st.sampled_from(_LEAVES),
    lambda inner: st.one_of(
        inner.map(lambda item: list[item]),
        inner.map(lambda item: dict[str, item]),
        inner.map(lambda item: tuple[item, ...]),
        st.tuples(inner, inner).map(lambda pair: tuple[pair]),
        st.tuples(inner, inner).map(union),
        inner.map(lambda item: Model[item]),
    ),
    max_leaves=6,
)


@given(ANNOTATIONS)
def test_a_type_says_what_its_annotation_says(annotation: Any) -> None:
    plan, types = table()
    index = types.index(annotation)
    spelt = types.spell(index)
    names = {each.__name__: each for each in (Path, Config, Split, Settings, Row, Dataset, Metrics, Model)}
    again = eval(re.sub(r"\bAny\b", "typing.Any", spelt), {"typing": typing, **names})
    assert types.index(again) == index or types.relation.is_assignable(index, types.index(again))
    size = len(plan.types)
    types.index(annotation)
    assert len(plan.types) == size  # written once


@given(st.lists(st.sampled_from([int, str, float, bytes, Path, list[int]]), min_size=2, max_size=5, unique=True))
def test_the_order_of_a_union_does_not_matter(members: list[Any]) -> None:
    _, types = table()
    assert types.index(union(members)) == types.index(union(reversed(members)))


class Recursive(BaseModel):
    children: list[Recursive] = []


def test_a_model_that_contains_itself() -> None:
    _, types = table()
    index = types.index(Recursive)
    assert types.relation.is_assignable(index, index)
