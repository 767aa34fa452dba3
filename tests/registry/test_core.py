"""The registry's rules, on plain values: what is incompatible, which types are kept, how names are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_plan.types import Relation
from penstock_proto.plan.v1.plan_pb2 import Plan, Type
from penstock_proto.registry.v1.events_pb2 import Interface
from penstock_registry.core import names
from penstock_registry.core.changes import CHANGES_MAX, input_changes
from penstock_registry.core.interface import definitions_of, interface_of
from penstock_registry.errors import BadRequest

from tests.state_tracker.running import value

INT, STR, FLOAT = Type(name="int"), Type(name="str"), Type(name="float")
NONE = Type(name="none")
POSITIVE = Type(name="int", constraints_json='{"minimum": 1}')


def interface(*types: Type, default: str = "") -> Interface:
    """An interface with one input, `x`, of the first type."""
    made = Interface(types=types)
    own = made.inputs.add(name="x", type=0, required=not default)
    if default:
        own.default.CopyFrom(value(default))
    return made


def record(name: str = "m:R", **fields: int) -> Type:
    """A record whose fields have types of the table by index; a negative one is optional."""
    made = Type(name="record", qualname=name)
    for each, index in fields.items():
        made.fields.add(name=each, type=abs(index), required=index > 0)
    return made


def container(name: str, *args: int) -> Type:
    return Type(name=name, args=args)


CASES = [
    ("the same", interface(INT), interface(INT), []),
    ("int to float", interface(INT), interface(FLOAT), ["input x accepts more: the type is now float, was int"]),
    ("float to int", interface(FLOAT), interface(INT), ["!input x accepts less: the type is now int, was float"]),
    ("bounded", interface(INT), interface(POSITIVE),
     ["!input x accepts less: the type is now Annotated[int, minimum=1], was int"]),
    ("optional", interface(INT), interface(container("union", 1, 2), INT, NONE),
     ["input x accepts more: the type is now int | None, was int"]),
    ("not optional", interface(container("union", 1, 2), INT, NONE), interface(INT),
     ["!input x accepts less: the type is now int, was int | None"]),
    ("required", interface(INT, default="3"), interface(INT), ["!input x is now required"]),
    ("a default", interface(INT), interface(INT, default="3"), ["input x is no longer required, the default is 3"]),
    ("another default", interface(INT, default="3"), interface(INT, default="4"),
     ["input x: the default is now 4, was 3"]),
    ("items", interface(container("list", 1), FLOAT), interface(container("list", 1), INT),
     ["!input x, list items accepts less: the type is now int, was float"]),
    ("a field is gone", interface(record(a=1, b=2), INT, STR), interface(record(a=1), INT),
     ["!input x: field b was removed"]),
    ("a field is new", interface(record(a=1), INT), interface(record(a=1, b=2), INT, STR),
     ["!input x: field b is new and required"]),
    ("an optional field", interface(record(a=1), INT), interface(record(a=1, b=-2), INT, STR),
     ["input x accepts more: the type is now R, was R"]),
    ("a field is required", interface(record(a=-1), INT), interface(record(a=1), INT),
     ["!input x: field a is now required"]),
    ("a field accepts less", interface(record(a=1), FLOAT), interface(record(a=1), INT),
     ["!input x, field a accepts less: the type is now int, was float"]),
    ("a field of records in a list", interface(container("list", 1), record(a=2), FLOAT),
     interface(container("list", 1), record(a=2), INT),
     ["!input x, list items, field a accepts less: the type is now int, was float"]),
    ("a class that moved", interface(record("m:R", a=1), INT), interface(record("n:S", a=1), INT), []),
    ("a choice less", interface(Type(name="literal", literals=['"a"', '"b"'])),
     interface(Type(name="literal", literals=['"a"'])),
     ["!input x accepts less: the type is now Literal['a'], was Literal['a', 'b']"]),
    ("another kind of data", interface(Type(name="Dataset")), interface(Type(name="Model")),
     ["!input x accepts less: the type is now Model, was Dataset"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_changes_are_named(old: Interface, new: Interface, expected: list[str]) -> None:
    found = input_changes(old, new)
    texts = [("!" if change.incompatible else "") + change.text for change in found]
    assert [text.replace("m:R", "R").replace("m.R", "R") for text in texts] == expected


def test_many_changes_are_cut_and_stay_incompatible() -> None:
    old, new = Interface(types=[INT]), Interface(types=[INT])
    for number in range(3 * CHANGES_MAX):
        old.inputs.add(name=f"old{number}", type=0, required=True)
    found = input_changes(old, new)
    assert len(found) == CHANGES_MAX
    assert found[-1].text == f"{2 * CHANGES_MAX + 1} more changes" and found[-1].incompatible


TYPES = st.recursive(
    st.sampled_from([INT, STR, FLOAT, NONE, POSITIVE, Type(name="any")]).map(lambda kind: (kind, ())),
    lambda inner: st.one_of(
        st.tuples(st.just("list"), st.tuples(inner)),
        st.tuples(st.just("union"), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.tuples(st.just("record"), st.lists(st.tuples(inner, st.booleans()), max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def table(tree: object) -> list[Type]:
    """The types of a tree, the root first."""
    types: list[Type] = []

    def add(node: tuple[object, tuple[object, ...]]) -> int:
        kind, parts = node
        index = len(types)
        types.append(Type())
        if isinstance(kind, Type):
            types[index].CopyFrom(kind)
        elif kind == "record":
            types[index].CopyFrom(Type(name="record", qualname=f"m:R{index}"))
            for number, (part, required) in enumerate(parts):  # type: ignore[misc]
                types[index].fields.add(name=f"f{number}", type=add(part), required=required)  # type: ignore[has-type]
        else:
            args = [add(part) for part in parts]  # type: ignore[arg-type]
            types[index].CopyFrom(Type(name=str(kind), args=args))
        return index

    add(tree)  # type: ignore[arg-type]
    return types


@given(old=TYPES, new=TYPES)
def test_what_is_not_assignable_is_always_said_and_nothing_else_is(old: object, new: object) -> None:
    """The texts go their own way down into records and lists; their verdict is the relation's."""
    before, after = interface(*table(old)), interface(*table(new))
    fits = Relation(after.types, before.types, by_fields=True).is_assignable(0, 0)
    changes = input_changes(before, after)
    assert any(change.incompatible for change in changes) == (not fits)
    assert input_changes(before, before) == []


def test_an_interface_has_the_types_that_it_needs_and_no_other() -> None:
    plan = Plan(name="m:w", types=[STR, Type(name="list", args=[2]), record(a=3), FLOAT, INT])
    plan.inputs.add(name="x", type=1, required=True)
    plan.outputs.add(name="result", type=3)
    found = interface_of(plan)
    assert [kind.name for kind in found.types] == ["list", "record", "float"]
    assert (found.types[0].args, found.types[1].fields[0].type, found.outputs[0].type) == ([1], 2, 2)
    (own,) = definitions_of(found)
    assert [kind.name for kind in own.types] == ["record", "float"]
    # The place in a plan's table says nothing of a class.
    other = Plan(name="m:v", types=[record(a=1), FLOAT])
    other.inputs.add(name="y", type=0, required=True)
    assert definitions_of(interface_of(other))[0].hash == own.hash


def test_what_is_too_large_is_refused() -> None:
    plan = Plan(name="m:w", types=[INT])
    plan.inputs.add(name="x", type=0, required=True, schema_json=" " * 2**20)
    with pytest.raises(BadRequest, match="the limit is 1,048,576"):
        interface_of(plan)


@pytest.mark.parametrize("name", ["a", "train_digits", "acme.fraud", "A-1", "x" * 100])
def test_names_that_are_names(name: str) -> None:
    names.check_workflow_name(name)


@pytest.mark.parametrize(
    "name", ["", "1a", "a b", "a@1", "a:b", "./a", "a.py", "a.PY", "a..b", ".a", "ä", "a\n", "x" * 101]
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(BadRequest, match="invalid name"):
        names.check_workflow_name(name)


@given(st.text(max_size=60))
def test_any_search_is_a_query_or_refused(text: str) -> None:
    try:
        query = names.search_query(text)
    except BadRequest:
        return
    assert set(query) & set("|!()<>\\") == set()


def test_words_of_a_name_are_found_by_their_beginnings() -> None:
    assert names.search_text("trainDigits_v2", "Team A", "m:trainDigits") == "train digits v2 team a m"
    assert names.search_query("Train dig") == "'train':* & 'dig':*"
