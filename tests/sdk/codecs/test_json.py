"""JSON by annotation: what goes in comes out, of the same type; what would not is refused."""

import dataclasses
import datetime
import enum
import json
import math
import re
import subprocess
import sys
import typing
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import numpy
import pydantic
import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from penstock.codecs import BadValue, NoCodec, Undecodable, WrongType, decode, encode, from_value, to_value

Item = TypeVar("Item")


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Literals(enum.Enum):
    NaN = 1


FINITE = list[pydantic.FiniteFloat]


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Options(TypedDict):
    rate: float
    names: NotRequired[set[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: float = 0.0
    tags: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Point3(Point):
    z: int = 0


@dataclasses.dataclass
class Tree:
    name: str
    children: "list[Tree]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[Item]):
    item: Item


@dataclasses.dataclass
class Counted:
    numbers: list[int]
    count: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        self.count = len(self.numbers)


class Named(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    short: int = pydantic.Field(alias="aVeryLongName")

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.short


class Hiding(pydantic.BaseModel):
    shown: int
    hidden: int = pydantic.Field(exclude=True)


class Secretive(pydantic.BaseModel):
    password: pydantic.SecretStr


class Settings(pydantic.BaseModel):
    loss: float | None = None
    when: datetime.datetime | None = None
    inner: "Settings | None" = None


def back(value: object, annotation: object) -> object:
    encoded = encode(value, annotation)
    assert encoded.codec == "json"
    return decode(encoded.codec, encoded.data, annotation)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SCALARS = [
    (st.none(), None),
    (st.booleans(), bool),
    (st.integers(), int),
    (st.floats(), float),
    (st.text(), str),
    (st.binary(), bytes),
    (st.datetimes(), datetime.datetime),
    (st.datetimes(timezones=st.just(datetime.UTC)), datetime.datetime),
    (st.dates(), datetime.date),
    (st.timedeltas(datetime.timedelta(-10_000), datetime.timedelta(10_000)), datetime.timedelta),
    (st.uuids(), uuid.UUID),
    (st.decimals(allow_nan=False, allow_infinity=False), Decimal),
    (st.sampled_from(Colour), Colour),
    (st.lists(st.integers()), list[int]),
    (st.sets(st.text()), set[str]),
    (st.dictionaries(st.integers(), st.floats()), dict[int, float]),
    (st.dictionaries(st.dates(), st.booleans()), dict[datetime.date, bool]),
    (st.tuples(st.integers(), st.text()), tuple[int, str]),
    (st.builds(Pair, st.integers(), st.text()), Pair),
    (st.builds(Point, st.integers(), st.floats(), st.frozensets(st.text())), Point),
    (st.none() | st.integers() | st.text(), int | str | None),
]


def equal(left: object, right: object) -> bool:
    """Equal values of equal types; NaN equals itself, 0.0 differs from -0.0."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if dataclasses.is_dataclass(left) and type(left) is type(right):
        names = [field.name for field in dataclasses.fields(left)]
        return all(equal(getattr(left, name), getattr(right, name)) for name in names)
    return repr(left) == repr(right) or (left == right and type(left) is type(right))


@pytest.mark.parametrize(("values", "annotation"), SCALARS)
def test_round_trips(values: st.SearchStrategy[object], annotation: object) -> None:
    @given(value=values)
    def check(value: object) -> None:
        single = encode(value, annotation)
        assert equal(decode(single.codec, single.data, annotation), value)
        many = [value]
        assert equal(back(many, list[typing.cast(Any, annotation)]), many)

    check()


@given(value=PLAIN)
def test_without_an_annotation_plain_values_come_back(value: object) -> None:
    made = encode(value, Any)
    assert equal(decode(made.codec, made.data, Any), value)


@pytest.mark.parametrize("digits", [0, 1, 19, 20, 4299, 4300, 4301, 5000])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_of_any_size(sign: int, digits: int) -> None:
    value = sign * (10**digits - 1)
    assert back(value, int) == value
    assert back(value, Any) == value
    assert back([value], list[int]) == [value]
    assert back({"a": value}, Any) == {"a": value}
    assert back(Point(value), Point) == Point(value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Pair(1), Pair),
        ({"rate": 1.5}, Options),
        ({"rate": math.inf, "names": {"b", "a"}}, Options),
        ([{"rate": 1.0}], list[Options]),
        (Tree("a", [Tree("b")]), Tree),
        (Box(3), Box[int]),
        (Box([Point(1)]), Box[list[Point]]),
        (Level.LOW, Level),
        ("a", Literal["a", "b"]),
        (Settings(loss=1.5, inner=Settings()), Settings),
        ([Settings(when=datetime.datetime(2020, 1, 1))], list[Settings]),
        (Named(aVeryLongName=3), Named),
        (None, numpy.ndarray | None),
        (OrderedDict(b=1, a=2), OrderedDict[str, int]),
        (defaultdict(int, a=1), defaultdict[str, int]),
        (Counter("aab"), Counter[str]),
        (deque([1, 2]), deque[int]),
        ([1, 2], Sequence[int]),
        ({"a": 1}, Mapping[str, int]),
        ((1, 2, 3), tuple[int, ...]),
        ((), tuple[()]),
        (None, Point | None),
        (Point(1), Point | None),
        (Point(1), Point | int),
        (3, Annotated[int, Ge(1)]),
        (1 + 2j, complex),
    ],
)
def test_types_come_back(value: object, annotation: object) -> None:
    assert equal(back(value, annotation), value)


def test_nan_of_a_model_survives() -> None:
    for annotation in (Settings, list[Settings]):
        value: object = [Settings(loss=math.nan)] if annotation == list[Settings] else Settings(loss=math.nan)
        assert b"NaN" in encode(value, annotation).data
    assert math.isnan(typing.cast(Settings, back(Settings(loss=math.nan), Settings)).loss or 0)


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (NAN, float), (INF, float), (-INF, float), ([1.0, NAN, -INF], list[float]), ({"a": INF}, dict[str, float]),
        (NAN, float | None), ([NAN, None], list[float | None]), (NAN, float | int), (-INF, float | list[float]),
        ([INF], float | list[float]), (Point(1, NAN), Point), (Point(1, NAN), Point | float), (NAN, Point | float),
        ("NaN", str), ("NaN", Any), ("NaN", float | str), ("-Infinity", str | float), (("NaN", NAN), tuple[str, float]),
        (Decimal("Infinity"), float | Decimal), (Literals.NaN, float | Literals), ("NaN", float | Literal["NaN"]),
    ],
)  # fmt: skip
def test_nan_and_infinities_are_words_in_json(value: object, annotation: object) -> None:
    made = encode(value, annotation)
    assert made.codec == "json"
    json.loads(made.data, parse_constant=pytest.fail)
    assert equal(decode(made.codec, made.data, annotation), value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (NAN, Any), ([1.0, NAN], Any), ([1, NAN, "NaN"], Any), ({"a": [NAN], "b": "Infinity"}, Any), ([NAN], list),
        ({"a": NAN}, dict[str, Any]), (NAN, pydantic.JsonValue), (NAN, float | str), ([NAN, "NaN"], list[float | str]),
        (NAN, float | Decimal), (INF, float | Literals), (NAN, float | Literal["NaN"]), (-INF, Sequence[float] | float),
        ([numpy.float32(INF)], list[float | str]),
    ],
)  # fmt: skip
def test_where_a_text_may_stand_nan_is_no_text(value: object, annotation: object) -> None:
    made = encode(value, annotation)
    assert made.codec == "bundle"
    read = decode(made.codec, made.data, annotation)
    assert equal(read, [INF] if annotation == list[float | str] and value != [NAN, "NaN"] else value)


def test_words_are_floats_without_the_annotation_that_they_had() -> None:
    for value, annotation in ((NAN, float), (INF, float), ("NaN", str)):
        sent = to_value(encode(value, annotation), typing.cast(Any, None))
        assert equal(from_value(sent), value)


def test_the_vectors_of_the_page_hold() -> None:
    page = (Path(__file__).parents[3] / "docs" / "wire.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(json|bundle)` \| (?:`(.+)`)? ?\|$", page, re.MULTILINE)
    assert len(rows) >= 10
    for value, declared, codec, data in rows:
        made = encode(eval(value), eval(declared.replace("\\|", "|")))
        assert (made.codec, made.data.decode() if codec == "json" else "") == (codec, data)


@pytest.mark.parametrize(("text", "annotation"), [('"nan"', float), ('["x"]', list[float]), ('["NaN"]', FINITE)])
def test_other_texts_are_no_floats(text: str, annotation: object) -> None:
    with pytest.raises(Undecodable):
        decode("json", text.encode(), annotation)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_older_values_are_read(text: str) -> None:
    for annotation in (float, Any):
        assert repr(decode("json", text.encode(), annotation)) == repr(float(text))
    assert repr(decode("json", f"[{text}]".encode(), list[float])) == repr([float(text)])


def test_a_number_of_numpy_is_a_number() -> None:
    assert back(numpy.float32(1.5), float) == 1.5
    assert back({"a": numpy.int64(3)}, dict[str, int]) == {"a": 3}
    assert back(Point(numpy.int64(3), numpy.float32(0.5)), Point) == Point(3, 0.5)  # type: ignore
    assert back([Settings(loss=numpy.float64(0.5))], list[Settings]) == [Settings(loss=0.5)]


def test_an_int_given_for_a_float_becomes_one() -> None:
    assert repr(back(1, float)) == "1.0"
    assert repr(back([1], list[float])) == "[1.0]"


def test_bytes_are_the_same_in_every_process() -> None:
    code = (
        "from typing import Any\nfrom penstock.codecs import encode\n"
        "words = {str(i) for i in range(50)}\n"
        "print(encode(words, set[str]).data, encode({'a': [words]}, Any).data, encode([words], list[set[str]]).data)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("value", "annotation", "text"),
    [
        ("a", int, "value: expected int, given str 'a'"),
        (True, int, "expected int, given bool True"),
        (1.0, int, "expected int, given float 1.0"),
        ("1", float, "expected float, given str '1'"),
        (None, int, "expected int, given NoneType None"),
        (1, None, "expected None, given int 1"),
        ([1, "x"], list[int], "value[1]: expected int, given str 'x'"),
        ((1,), list[int], "expected list[int], given tuple (1,)"),
        ({"a": {"b": "c"}}, dict[str, dict[str, int]], "value['a']['b']: expected int, given str 'c'"),
        (Point("x"), Point, "value.x: expected int, given str 'x'"),  # pyright: ignore[reportArgumentType]
        ({"rate": "x"}, Options, "value['rate']: expected float, given str 'x'"),
        ({}, Options, "value['rate']: expected a value, given none"),
        (0, Annotated[int, Ge(1)], "greater than or equal to 1"),
        ("c", Literal["a", "b"], "'a' or 'b'"),
        (1, Point, "expected"),
        (1.5, int | str, "expected int | str, given float 1.5"),
    ],
)
def test_wrong_types_are_named(value: object, annotation: object, text: str) -> None:
    with pytest.raises(WrongType) as caught:
        encode(value, annotation)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("value", "annotation", "text"),
    [
        (object(), Any, "value is a object, which has no codec"),
        ({"a": [1, {"b": object()}]}, Any, "value['a'][1]['b'] is a object"),
        ({"a": object()}, dict[str, Any], "value['a'] is a object"),
        ((i for i in ()), Any, "return a list"),
        ([(i for i in ())], list[Any], "return a list"),
        (len, Any, "no codec"),
        (int, Any, "no codec"),
        (ValueError("x"), Any, "no codec"),
        (Box(object()), Box[Any], "value.item is a object"),
    ],
)
def test_what_has_no_codec_is_named(value: object, annotation: object, text: str) -> None:
    with pytest.raises(NoCodec) as caught:
        encode(value, annotation)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("value", "annotation", "where"),
    [
        ("a\ud800", str, "value"),
        (["", "\udfff"], list[str], "value[1]"),
        ({"a": Point(1, tags=frozenset({"\ud800"}))}, dict[str, Point], "value['a']"),
        ({"\ud800": 1}, dict[str, int], "a key of value"),
    ],
)
def test_lone_surrogates_are_refused(value: object, annotation: object, where: str) -> None:
    with pytest.raises(BadValue, match="surrogate") as caught:
        encode(value, annotation)
    assert caught.value.where.startswith(where)


@dataclasses.dataclass
class Other:
    x: int
    y: float = 0.0
    tags: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Other(1), Point | Other),
        (datetime.datetime(2020, 1, 1), str | datetime.datetime),
        (uuid.UUID(int=1), str | uuid.UUID),
        ({1}, list[int] | set[int]),
        (Point3(1), Point),
        (Hiding(shown=1, hidden=2), Hiding),
        (Secretive(password=pydantic.SecretStr("x")), Secretive),
    ],
)
def test_what_json_cannot_tell_apart_comes_back_or_is_refused(value: object, annotation: object) -> None:
    try:
        encoded = encode(value, annotation)
    except (BadValue, WrongType) as error:
        assert "would be" in str(error)
    else:
        assert equal(decode(encoded.codec, encoded.data, annotation), value)


@dataclasses.dataclass
class Lost:
    x: "Nowhere"  # type: ignore  # noqa: F821


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    with pytest.raises(NoCodec, match="'Nowhere' is not defined"):
        encode(Lost(1), Lost)


def test_unions_keep_their_constraints() -> None:
    assert back(3, Annotated[int, Ge(1)] | None) == 3
    with pytest.raises(WrongType):
        encode(0, Annotated[int, Ge(1)] | None)
    assert repr(back(1, float | None)) == "1.0"


def test_what_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    for annotation in (Any, list[Any], list):
        with pytest.raises((WrongType, BadValue, NoCodec)):
            encode(loop, annotation)


@pytest.mark.parametrize("annotation", [int, float, str, bool, None, list[int], Point, Settings, Any])
@given(data=st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused(annotation: object, data: bytes) -> None:
    try:
        decode("json", data, annotation)
    except Undecodable:
        return


@pytest.mark.parametrize(
    ("data", "annotation"),
    [(b'"5"', int), (b"5.0", int), (b"1", bool), (b"1", str), (b"null", int), (b"[1]", list[str]), (b"{}", Point)],
)
def test_what_is_of_another_type_is_refused(data: bytes, annotation: object) -> None:
    with pytest.raises(Undecodable):
        decode("json", data, annotation)
