"""Whatever is carried comes back in its very class, with all its parts; whatever is not is refused.

Random types, nested, with random values of them, go through a real artifact store and are compared strictly.
"""

import collections
import dataclasses
import datetime
import enum
import typing
import uuid
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy
import pandas
import polars
import pydantic
import pytest
import typing_extensions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.codecs import BadValue, CodecError, NoCodec, WrongType, decode, encode, from_value, to_value, uncarried
from penstock_artifact_store import LocalStore

Item = TypeVar("Item")
BERLIN = ZoneInfo("Europe/Berlin")


class Size(enum.Enum):
    SMALL = (1, "s")
    LARGE = (2, "l")


class Mode(enum.StrEnum):
    TRAIN = "train"


class Perm(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass(frozen=True)
class Found:
    score: float


@dataclasses.dataclass(frozen=True)
class Missing:
    score: float


@dataclasses.dataclass
class Config:
    rate: float = 0.5


@dataclasses.dataclass
class Adam(Config):
    beta: float = 0.9


@dataclasses.dataclass
class Doubled:
    """Its constructor changes what it is given."""

    number: int

    def __post_init__(self) -> None:
        self.number *= 2


@dataclasses.dataclass(frozen=True, slots=True)
class Box(Generic[Item]):
    item: Item


class Span(NamedTuple):
    first: datetime.datetime
    last: datetime.date


class Options(typing_extensions.TypedDict):
    rate: float
    names: typing_extensions.NotRequired[frozenset[str]]


class Shape(pydantic.BaseModel):
    name: str = ""


class Square(Shape):
    side: int = 1
    _seen: int = pydantic.PrivateAttr(default=0)


def same(left: Any, right: Any) -> bool:
    """Strict equality: classes, fields, dtypes, zones, index and columns."""
    if type(left) is not type(right):
        return False
    if isinstance(left, pandas.DataFrame):
        pandas.testing.assert_frame_equal(
            left, right, check_freq=True, check_column_type="exact", check_index_type="exact"
        )
        return left.attrs == right.attrs
    if isinstance(left, pandas.Series):
        pandas.testing.assert_series_equal(left, right, check_freq=True, check_index_type="exact")
        return True
    if isinstance(left, pandas.Index):
        pandas.testing.assert_index_equal(left, right, exact=True)
        return True
    if isinstance(left, numpy.ndarray | numpy.generic):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, polars.DataFrame):
        return left.schema == right.schema and left.equals(right)
    if isinstance(left, list | tuple | collections.deque):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        keys = len(left) == len(right) and all(map(same, left, right))
        return keys and all(map(same, left.values(), right.values()))
    if isinstance(left, set | frozenset):
        return sorted(map(repr, left)) == sorted(map(repr, right))  # a NaN within equals no other
    if isinstance(left, pydantic.BaseModel):
        private = left.__pydantic_private__, right.__pydantic_private__
        return private[0] == private[1] and same(left.__dict__, right.__dict__)
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in dataclasses.fields(left))
    if isinstance(left, datetime.datetime | datetime.time):
        return (repr(left), left.fold) == (repr(right), right.fold)
    if isinstance(left, float | complex | Decimal):
        return repr(left) == repr(right)
    return bool(left == right)


Typed = tuple[Any, st.SearchStrategy[Any]]

ZONES = st.sampled_from([None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)), BERLIN])
TIMES = st.builds(
    lambda time, zone, fold: time.replace(tzinfo=zone, fold=fold),
    st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1)),
    ZONES,
    st.integers(0, 1),
)
ARRAYS = st.sampled_from(["float32", "int8", "complex64", "<U3", "datetime64[s]", ">i4"]).flatmap(
    lambda dtype: st.lists(st.integers(0, 9), max_size=3).map(lambda items: numpy.array(items).astype(dtype))
)
CELLS = st.none() | st.integers() | st.text() | st.lists(st.integers(), max_size=2) | TIMES | st.just({"a": (1, 2.5)})
LABELS = st.lists(st.integers() | st.text() | st.tuples(st.text(max_size=2), st.integers()), max_size=3, unique=True)
FRAMES = LABELS.flatmap(
    lambda labels: st.lists(st.tuples(*[CELLS for _ in labels]), max_size=3).map(
        lambda rows: pandas.DataFrame(rows, columns=pandas.Index(labels, tupleize_cols=False), dtype=object)
    )
)
LEAVES: list[Typed] = [
    (None, st.none()), (bool, st.booleans()), (int, st.integers()), (float, st.floats()), (str, st.text()),
    (bytes, st.binary(max_size=200)), (complex, st.complex_numbers()), (Decimal, st.decimals(allow_nan=False)),
    (uuid.UUID, st.uuids()), (datetime.datetime, TIMES), (datetime.date, st.dates()),
    (datetime.time, st.times(timezones=st.sampled_from([None, datetime.UTC]))), (datetime.timedelta, st.timedeltas()),
    (Size, st.sampled_from(Size)), (Mode, st.sampled_from(Mode)),
    (Perm, st.sampled_from([Perm(0), Perm.READ, Perm.READ | Perm.WRITE])),
    (Literal["a", 1, True], st.sampled_from(["a", 1, True])), (Found, st.builds(Found, st.floats())),
    (Doubled, st.builds(Doubled, st.integers())), (Span, st.builds(Span, TIMES, st.dates())),
    (Square, st.builds(Square, name=st.text(), side=st.integers())),
    (numpy.float32, st.floats(width=32).map(numpy.float32)),
    (Options, st.fixed_dictionaries({"rate": st.floats()}, optional={"names": st.frozensets(st.text())})),
    (pandas.Timestamp, st.integers(0, 2**60).map(pandas.Timestamp)),
    (numpy.ndarray, ARRAYS), (pandas.DataFrame, FRAMES),
]  # fmt: skip
HASHABLE = [
    each for each in LEAVES if each[0] in (int, str, bool, uuid.UUID, datetime.date, Size, Mode, Found, Decimal)
]


def containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    few = {"max_size": 3}

    def union(left: Typed, right: Typed) -> Typed:
        return typing.Union[left[0], right[0]], left[1] | right[1]  # noqa: UP007 - of types that are values here

    return st.one_of(
        inner.map(lambda of: (list[of[0]], st.lists(of[1], **few))),
        inner.map(lambda of: (collections.deque[of[0]], st.lists(of[1], **few).map(collections.deque))),
        inner.map(lambda of: (tuple[of[0], ...], st.lists(of[1], **few).map(tuple))),
        inner.map(lambda of: (Box[of[0]], of[1].map(Box))),
        inner.map(lambda of: (Sequence[of[0]], st.lists(of[1], **few) | st.lists(of[1], **few).map(tuple))),
        st.tuples(inner, inner).map(lambda of: (tuple[of[0][0], of[1][0]], st.tuples(of[0][1], of[1][1]))),
        st.tuples(inner, inner).map(lambda of: union(*of)),
        inner.map(lambda of: (typing.Optional[of[0]], st.none() | of[1])),  # noqa: UP045
        st.tuples(st.sampled_from(HASHABLE), inner).map(
            lambda of: (dict[of[0][0], of[1][0]], st.dictionaries(of[0][1], of[1][1], **few))
        ),
        st.sampled_from(HASHABLE).map(lambda of: (set[of[0]], st.sets(of[1], **few))),
        st.sampled_from(HASHABLE).map(lambda of: (frozenset[of[0]], st.frozensets(of[1], **few))),
    )


TYPES = st.recursive(st.sampled_from(LEAVES), containers, max_leaves=4)
# What comes back without an annotation: no records and enums, whose classes nothing in the data may name.
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=200), TIMES)
    | st.one_of(st.dates(), st.uuids(), st.decimals(allow_nan=False), ARRAYS, st.floats().map(numpy.float64)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.sets(st.integers() | st.text(), max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("artifacts"))


def back(value: Any, annotation: Any, store: LocalStore) -> Any:
    return from_value(to_value(encode(value, annotation), store), annotation, store)


SLOW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(data=st.data())
def test_values_of_any_type_come_back(data: st.DataObject, store: LocalStore) -> None:
    annotation, values = data.draw(TYPES)
    assert not uncarried(annotation)
    value = data.draw(values)
    assert same(back(value, annotation, store), value), (annotation, value)


@SLOW
@given(value=PLAIN)
def test_values_without_an_annotation_come_back(value: Any, store: LocalStore) -> None:
    assert same(back(value, Any, store), value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (Found(1.0), Found | Missing), (Missing(1.0), Found | Missing),
        ([Missing(1.0), Found(2.0)], list[Found | Missing]),
        ("00000000-0000-0000-0000-000000000005", str | uuid.UUID), (uuid.UUID(int=5), str | uuid.UUID),
        ([], list[int] | list[str]), (["a"], list[int] | list[str]), ({1}, list[int] | set[int]),
        (datetime.datetime(2024, 1, 1), datetime.date | datetime.datetime),
        (Adam(), Config | Adam), (Config(), Config | Adam),
        (Size.LARGE, Size), (Perm.READ | Perm.WRITE, Perm), (Doubled(2), Doubled), ({"a": Mode.TRAIN}, dict[str, Mode]),
        (datetime.datetime(2024, 3, 1, 9, tzinfo=BERLIN), datetime.datetime),
        (datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN), datetime.datetime),
        (pandas.Timestamp("2024-01-01T00:00:00.123456789", tz="Europe/Berlin"), pandas.Timestamp),
        (pandas.Timedelta("1ns"), pandas.Timedelta), (numpy.datetime64("2024-01-01"), numpy.datetime64),
        (pandas.Index([1, 2], name="i"), pandas.Index),
        (pandas.DataFrame({"g": pandas.cut(pandas.Series([5, 30]), [0, 18, 65])}), pandas.DataFrame),
        (pandas.DataFrame({"c": [[1, 2], [3]], "d": [{"x": 1}, {"y": 2}], "s": [{1}, {2}]}), pandas.DataFrame),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), pandas.DataFrame),
        (pandas.Series(pandas.Categorical(pandas.date_range("2024", periods=2, tz="Europe/Berlin"))), pandas.Series),
        (pandas.DataFrame({"v": range(4)}, index=pandas.date_range("2024", periods=4, freq="12h")), pandas.DataFrame),
        (pandas.DataFrame({"n": [2**70, 1]}), pandas.DataFrame),
        (polars.DataFrame({"c": polars.Series(["x"], dtype=polars.Enum(["y", "x"])), "l": [[1]]}), polars.DataFrame),
        (Square(side=3), Shape | Square),
    ],
)  # fmt: skip
def test_what_went_wrong_before_comes_back(value: Any, annotation: Any, store: LocalStore) -> None:
    assert same(back(value, annotation, store), value)


def test_private_attributes_of_models_come_back(store: LocalStore) -> None:
    square = Square(side=3)
    square._seen = 5  # pyright: ignore[reportPrivateUsage]
    assert same(back(square, Square, store), square)


class Text(str):
    """A class below str."""


class Rows(list[int]):
    """A class below list."""


def with_attribute() -> Config:
    config = Config()
    config.cache = {}  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return config


@pytest.mark.parametrize(
    ("value", "annotation", "error", "text"),
    [
        (Adam(), Config, WrongType, "expected exactly .*Config, given .*Adam"),
        ([Config(), Adam()], list[Config], WrongType, r"value\[1\]: expected exactly"),
        (Square(), Shape, WrongType, "exactly"),
        ({"a": Mode.TRAIN}, dict[str, str], WrongType, r"value\['a'\]: expected exactly str"),
        (Text("a"), str, WrongType, "exactly str"),
        (Rows([1]), list[int], WrongType, "exactly"),
        (collections.OrderedDict(a=1), dict[str, int], WrongType, "exactly"),
        (Span(datetime.datetime(2024, 1, 1), datetime.date(2024, 1, 1)), tuple[Any, Any], WrongType, "exactly"),
        (pandas.Timestamp("2024"), datetime.datetime, WrongType, "exactly datetime"),
        (Found(1.0), Any, NoCodec, "annotate it Found"),
        ({"a": Size.LARGE}, dict, NoCodec, "annotate it Size"),
        (collections.deque([1], maxlen=3), collections.deque[int], BadValue, "maxlen"),
        (collections.defaultdict(list), dict[str, Any], BadValue, "default_factory"),
        (collections.defaultdict(list, a=[1]), collections.defaultdict[str, set[int]], CodecError, "set"),
        (with_attribute(), Config, BadValue, "no fields"),
        (2**60 + 1, float, WrongType, "float"),
        (numpy.zeros(2, "float32"), numpy.ndarray[Any, numpy.dtype[numpy.float64]], WrongType, "float32"),
        (numpy.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), numpy.ndarray, BadValue, "asarray"),
        (pandas.DataFrame({"s": pandas.arrays.SparseArray([0, 1])}), pandas.DataFrame, BadValue, "'s'"),
        (pandas.DataFrame({"o": [object()]}), pandas.DataFrame, NoCodec, r"value\['o'\]\[0\]"),
        (polars.DataFrame({"o": polars.Series([object()], dtype=polars.Object)}), polars.DataFrame, BadValue, "'o'"),
        (polars.LazyFrame({"a": [1]}), polars.LazyFrame, NoCodec, "collect"),
        ({"rate": 1.0, "nmaes": frozenset()}, Options, WrongType, "no such field"),
    ],
)
def test_what_would_change_is_refused_with_its_place(value: Any, annotation: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        encode(value, annotation)


class Plain:
    """No data that a codec knows."""


class Base:
    """Nothing itself, but classes below it are data."""


@dataclasses.dataclass
class Below(Base):
    number: int


@dataclasses.dataclass
class Holding:
    plain: list[Plain]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Plain, "Plain has no codec"), (dict[str, Holding], "Plain"), (range, "range"), (bytearray, "bytes"),
        (pydantic.SecretStr, "SecretStr"), (polars.LazyFrame, "collect"), (Base, "Base"), (int | Plain, "Plain"),
    ],
)  # fmt: skip
def test_types_that_no_codec_carries_are_known_before_anything_runs(annotation: Any, text: str) -> None:
    assert text in uncarried(annotation)


def test_an_argument_may_be_of_a_class_whose_subclasses_are_carried() -> None:
    assert uncarried(Base, taken=True) == "" != uncarried(Base)
    assert uncarried(Plain, taken=True)


def test_estimators_of_sklearn(store: LocalStore) -> None:
    from sklearn.base import BaseEstimator  # pyright: ignore
    from sklearn.pipeline import make_pipeline  # pyright: ignore
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # pyright: ignore
    from sklearn.tree import DecisionTreeClassifier  # pyright: ignore

    rows, labels = numpy.arange(20.0).reshape(10, 2), numpy.arange(10) % 2
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)).fit(rows, labels)
    read = back(model, type(model), store)
    assert type(read) is type(model) and (read.predict(rows) == model.predict(rows)).all()
    assert encode(model, type(model)).data == encode(model, BaseEstimator).data
    with pytest.raises(BadValue, match="not of scikit-learn"):
        encode(FunctionTransformer(same), FunctionTransformer)


def test_folders(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "a" / "weights.bin").write_bytes(bytes(1000))
    (folder / "run.sh").write_text("exit")
    (folder / "run.sh").chmod(0o755)
    encoded = encode(folder, Path)
    read = typing.cast(Path, decode(encoded.codec, encoded.data, Path, scratch_folder=tmp_path))
    assert encoded.codec == "folder" and read.name == "model"
    assert encode(read, Path).data == encoded.data
    assert sorted(each.relative_to(read).as_posix() for each in read.rglob("*")) == [
        "a", "a/b", "a/weights.bin", "empty", "run.sh",
    ]  # fmt: skip
    (folder / "link").symlink_to("/etc")
    with pytest.raises(BadValue, match="link"):
        encode(folder, Path)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a\\b", "a\0b", "x" * 300])
def test_a_path_from_outside_stays_in_its_folder(tmp_path: Path, path: str) -> None:
    import msgspec

    entries = msgspec.msgpack.encode([["model", 0, True, False], [path, 1, False, False]])
    data = len(entries).to_bytes(8, "little") + entries + b"x"
    with pytest.raises(CodecError):
        decode("folder", data, Path, scratch_folder=tmp_path)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (complex(-0.0, 0.0), complex),
        ([complex(-0.0, -0.0), 5j, 1 - 2j, complex("inf")], list[complex]),
        (numpy.float32(0.1), numpy.float32 | float),
        ([numpy.float32(0.1), 0.5], list[numpy.float32 | float]),
        (datetime.time(1, fold=1), numpy.ndarray | datetime.time),
        (collections.deque([Doubled(number=2)]), collections.deque[Doubled]),
    ],
)
def test_values_that_random_types_found_come_back(value: Any, annotation: Any, store: LocalStore) -> None:
    assert same(back(value, annotation, store), value)
