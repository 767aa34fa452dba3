"""The type relation, rule by rule and as a relation."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan.types import Relation, is_assignable, spell
from penstock_proto.plan.v1.plan_pb2 import Field, Type


class Table(list[Type]):
    """A table of types that is filled while the types are written down."""

    def add(self, name: str, *args: int, constraints: dict[str, Any] | None = None, **rest: Any) -> int:
        text = json.dumps(constraints) if constraints else ""
        self.append(Type(name=name, args=args, constraints_json=text, **rest))
        return len(self) - 1

    def literal(self, *values: object, **rest: Any) -> int:
        return self.add("literal", literals=[json.dumps(value) for value in values], **rest)


TYPES = Table()
INT, FLOAT, BOOL, STR, NONE, ANY = (TYPES.add(name) for name in ("int", "float", "bool", "str", "none", "any"))
LIST_INT, LIST_FLOAT, LIST_ANY, LIST = (
    TYPES.add("list", INT),
    TYPES.add("list", FLOAT),
    TYPES.add("list", ANY),
    TYPES.add("list"),
)
SET_INT = TYPES.add("set", INT)
DICT = TYPES.add("dict", STR, LIST_INT)
DICT_FLOAT = TYPES.add("dict", STR, LIST_FLOAT)
OPTIONAL_INT = TYPES.add("union", INT, NONE)
NUMBER = TYPES.add("union", INT, FLOAT)
INT_OR_STR_OR_NONE = TYPES.add("union", OPTIONAL_INT, STR)
PAIR = TYPES.add("tuple", INT, FLOAT)
INTS = TYPES.add("tuple", INT, variadic=True)
FLOATS = TYPES.add("tuple", FLOAT, variadic=True)
TUPLE = TYPES.add("tuple", variadic=True)
NO_ITEMS = TYPES.add("tuple")
A, AB, ONE, TRUE, A_OR_ONE, NULL = (
    TYPES.literal("a"),
    TYPES.literal("a", "b"),
    TYPES.literal(1),
    TYPES.literal(True),
    TYPES.literal("a", 1),
    TYPES.literal(None),
)
NATURAL = TYPES.add("int", constraints={"minimum": 0})
POSITIVE = TYPES.add("int", constraints={"exclusiveMinimum": 0})
PERCENT = TYPES.add("int", constraints={"minimum": 0, "maximum": 100})
SHARE = TYPES.add("float", constraints={"minimum": 0})
NAME = TYPES.add("str", constraints={"minLength": 1, "pattern": "^[a-z]+$"})
NATURAL_OR_NONE = TYPES.add("union", INT, NONE, constraints={"minimum": 0})
NATURAL_NUMBER = TYPES.add("union", INT, FLOAT, constraints={"minimum": 0})
ROW = TYPES.add("record", qualname="flow:Row", fields=[Field(name="x", type=INT)])
WIDE_ROW = TYPES.add("record", qualname="flow:WideRow", bases=["flow:Row"])
OTHER_ROW = TYPES.add("record", qualname="other:Row")
DATASET, DATASET_ROW, DATASET_WIDE = (
    TYPES.add("Dataset"),
    TYPES.add("Dataset", ROW),
    TYPES.add("Dataset", WIDE_ROW),
)
DIGITS = TYPES.add("flow.Digits", WIDE_ROW, bases=["Dataset"])
MODEL = TYPES.add("Model")
TORCH_MODEL = TYPES.add("penstock.TorchModel", bases=["Model"])
TENSOR = TYPES.add("torch.Tensor")
LEVEL = TYPES.add("flow.Level", bases=["enum.IntEnum", "int"])

ALLOWED = [
    (INT, FLOAT),
    (INT, ANY),
    (ANY, ANY),
    (LIST_INT, LIST_FLOAT),
    (LIST_INT, LIST),
    (LIST_INT, LIST_ANY),
    (LIST, LIST_ANY),
    (DICT, DICT_FLOAT),
    (INT, OPTIONAL_INT),
    (NONE, OPTIONAL_INT),
    (OPTIONAL_INT, INT_OR_STR_OR_NONE),
    (NUMBER, FLOAT),
    (PAIR, FLOATS),
    (INTS, FLOATS),
    (NO_ITEMS, INTS),
    (PAIR, TUPLE),
    (A, STR),
    (A, AB),
    (ONE, INT),
    (ONE, FLOAT),
    (TRUE, BOOL),
    (A_OR_ONE, INT_OR_STR_OR_NONE),
    (NONE, NULL),
    (NULL, OPTIONAL_INT),
    (NATURAL, INT),
    (POSITIVE, NATURAL),
    (PERCENT, NATURAL),
    (NATURAL, SHARE),
    (ONE, PERCENT),
    (NAME, STR),
    (NONE, NATURAL_OR_NONE),
    (PERCENT, NATURAL_OR_NONE),
    (NATURAL_NUMBER, SHARE),
    (WIDE_ROW, ROW),
    (DATASET_ROW, DATASET),
    (DATASET_WIDE, DATASET_ROW),
    (DIGITS, DATASET),
    (DIGITS, DATASET_ROW),
    (TORCH_MODEL, MODEL),
    (LEVEL, INT),
    (LEVEL, FLOAT),
]
REFUSED = [
    (FLOAT, INT),
    (BOOL, INT),
    (BOOL, FLOAT),
    (ANY, INT),
    (ANY, OPTIONAL_INT),
    (ANY, LIST_ANY),
    (LIST_FLOAT, LIST_INT),
    (LIST, LIST_INT),
    (LIST_INT, SET_INT),
    (OPTIONAL_INT, INT),
    (INT_OR_STR_OR_NONE, OPTIONAL_INT),
    (PAIR, LIST_FLOAT),
    (INTS, LIST_INT),
    (INTS, PAIR),
    (TUPLE, INTS),
    (PAIR, INTS),
    (LIST_INT, INTS),
    (STR, A),
    (AB, A),
    (TRUE, INT),
    (TRUE, ONE),
    (A_OR_ONE, OPTIONAL_INT),
    (INT, NATURAL),
    (NATURAL, POSITIVE),
    (STR, NAME),
    (INT, NATURAL_OR_NONE),
    (NUMBER, SHARE),
    (ROW, WIDE_ROW),
    (ROW, OTHER_ROW),
    (DATASET, DATASET_ROW),
    (DATASET_ROW, DATASET_WIDE),
    (DATASET, DIGITS),
    (MODEL, TORCH_MODEL),
    (TENSOR, MODEL),
    (TENSOR, INT),
    (MODEL, DATASET),
    (INT, LEVEL),
    (ROW, DICT),
]


@pytest.mark.parametrize(("own", "wanted"), ALLOWED, ids=lambda index: spell(TYPES, index))
def test_allowed(own: int, wanted: int) -> None:
    assert is_assignable(TYPES, own, wanted)


@pytest.mark.parametrize(("own", "wanted"), REFUSED, ids=lambda index: spell(TYPES, index))
def test_refused(own: int, wanted: int) -> None:
    assert not is_assignable(TYPES, own, wanted)


def test_across_two_tables() -> None:
    mine = Table()
    mine.add("none")
    row = mine.add("record", qualname="flow:WideRow", bases=["flow:Row"])
    dataset = mine.add("Dataset", row)
    assert is_assignable(TYPES, dataset, DATASET_ROW, mine)
    assert not is_assignable(TYPES, dataset, MODEL, mine)
    assert not is_assignable(TYPES, 0, 0, mine)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (DICT, "dict[str, list[int]]"),
        (DATASET_ROW, "Dataset[Row]"),
        (OPTIONAL_INT, "int | None"),
        (AB, "Literal['a', 'b']"),
        (NULL, "Literal[None]"),
        (NATURAL, "Annotated[int, minimum=0]"),
        (PAIR, "tuple[int, float]"),
        (INTS, "tuple[int, ...]"),
        (NO_ITEMS, "tuple[()]"),
        (LIST, "list"),
        (ANY, "Any"),
        (TENSOR, "Tensor"),
        (DIGITS, "Digits[WideRow]"),
    ],
)
def test_spelling(index: int, text: str) -> None:
    assert spell(TYPES, index) == text


def test_full_spelling_has_the_modules() -> None:
    assert spell(TYPES, ROW, full=True) == "flow:Row"
    assert spell(TYPES, TENSOR, full=True) == "torch.Tensor"


def test_a_table_that_doubles_at_every_step_costs_little() -> None:
    types = Table()
    types.add("int")
    for index in range(60):
        types.add("tuple", index, index)
    other = Table(types)
    other[0] = Type(name="float")
    assert Relation(other, types).is_assignable(60, 60)
    assert not Relation(types, other).is_assignable(60, 60)
    assert "..." in spell(types, 60) and len(spell(types, 60)) < 1000


def test_a_type_that_contains_itself_ends() -> None:
    types = [Type(name="list", args=[0]), Type(name="list", args=[1])]
    assert is_assignable(types, 0, 1)
    assert "..." in spell(types, 0)


INDEXES = st.integers(0, len(TYPES) - 1)


@given(INDEXES)
def test_every_type_accepts_itself_also_in_a_copy(index: int) -> None:
    assert is_assignable(TYPES, index, index)
    assert is_assignable(TYPES, index, index, list(TYPES))


def test_the_relation_is_transitive() -> None:
    relation = Relation(TYPES)
    accepts = [[relation.is_assignable(own, wanted) for wanted in range(len(TYPES))] for own in range(len(TYPES))]
    for first in range(len(TYPES)):
        for second in (index for index, good in enumerate(accepts[first]) if good):
            for third in (index for index, good in enumerate(accepts[second]) if good):
                assert accepts[first][third], (spell(TYPES, first), spell(TYPES, second), spell(TYPES, third))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Tables of acyclic types: each type's parameters come before it."""
    table = Table(TYPES[: NONE + 1])
    for _ in range(draw(st.integers(1, 8))):
        earlier = st.integers(0, len(table) - 1)
        name = draw(st.sampled_from(["list", "set", "dict", "tuple", "union", "Dataset", "flow.Digits", "int"]))
        match name:
            case "int":
                table.add("int", constraints={"minimum": draw(st.integers(-2, 2))})
            case "dict":
                table.add(name, draw(earlier), draw(earlier))
            case "tuple" | "union":
                table.add(name, *draw(st.lists(earlier, min_size=1, max_size=3)))
            case "flow.Digits":
                table.add(name, draw(earlier), bases=["Dataset"])
            case _:
                table.add(name, draw(earlier))
    return table


@given(tables())
def test_any_table_gives_a_preorder(table: Table) -> None:
    everything = range(len(table))
    relation = Relation(table, list(table))
    accepts = {(own, wanted) for own in everything for wanted in everything if relation.is_assignable(own, wanted)}
    assert all((index, index) in accepts for index in everything)
    for first, second in accepts:
        for third in everything:
            if (second, third) in accepts:
                assert (first, third) in accepts, tuple(spell(table, index) for index in (first, second, third))


@given(st.builds(Type, name=st.text(max_size=5), constraints_json=st.text(max_size=8), literals=st.lists(st.text())))
def test_the_strangest_type_can_be_compared_and_spelt(kind: Type) -> None:
    types = [*TYPES, kind]
    relation = Relation(types)
    for index in range(len(types)):
        assert relation.is_assignable(index, index)
        relation.is_assignable(index, len(types) - 1)
        relation.is_assignable(len(types) - 1, index)
    spell(types, len(types) - 1)
