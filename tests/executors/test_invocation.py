"""Calls of operators without any process: how arguments are built, and whose fault each failure is."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
import pytest
from penstock import codecs, operator
from penstock.call.failures import ActionError, BadResult, NotLoadable, OutOfMemory, Raised, StoreFailed, StoreTrouble
from penstock.call.given import Given
from penstock.call.invocation import Call
from penstock_artifact_store import LocalStore, StoreFull, StoreUnavailable
from penstock_proto.plan.v1 import plan_pb2 as pl
from penstock_proto.state_tracker.v1 import events_pb2 as ev
from penstock_proto.value.v1.value_pb2 import Value, Values


@dataclass
class Point:
    x: int
    y: float = 0.5


class Pair(NamedTuple):
    a: int
    b: Point


class Model(pydantic.BaseModel):
    size: int
    points: list[Point]


@operator
def show(value: Any) -> str:
    return repr(value)


@operator
def typed(points: list[Point], pairs: dict[str, Pair], some: tuple[int, ...] | None = None, *, model: Model) -> str:
    return f"{points} {pairs} {some} {model!r}"


@operator
def keep(value: list[int]) -> list[int]:
    value.append(1)
    return value


@operator
def big(value: int) -> bytes:
    return bytes(value)


@operator
def many(value: int) -> list[str]:
    return ["x" * 100] * value


@operator
def hungry(value: int) -> int:
    raise MemoryError


@operator
def chained(value: int) -> int:
    try:
        return {}["absent"]  # type: ignore[index]
    except KeyError as error:
        raise RuntimeError("outer") from error


class Fails:
    """A store whose disk is full, or whose service is away."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def put_parts(self, parts: Sequence[bytes | memoryview]) -> bytes:
        raise self.error

    def get(self, artifact: bytes) -> bytes:
        raise self.error

    def path(self, artifact: bytes) -> Path:
        raise self.error


def json(text: str) -> pl.Expr:
    return pl.Expr(literal=Value(codec="json", inline=text.encode(), size_bytes=len(text)))


def plan(function: Any, **arguments: pl.Expr) -> pl.Plan:
    made = pl.Plan(schema=1, types=[pl.Type(name="record", qualname=f"{__name__}.{name}") for name in RECORDS])
    made.operators.add(module="m", qualname=function.name, output_shape=pl.OUTPUT_SHAPE_SINGLE).outputs.add(
        name="result"
    )
    node = made.nodes.add(name="n", kind=pl.NODE_KIND_TASK)
    for name, expr in arguments.items():
        node.arguments.add(name=name, value=expr)
    return made


RECORDS = ["Point", "Pair", "Model", "Absent"]


def record(name: str, **fields: pl.Expr) -> pl.Expr:
    return pl.Expr(record=pl.Record(type=RECORDS.index(name), names=list(fields), values=list(fields.values())))


def sequence(kind: str, *items: pl.Expr) -> pl.Expr:
    return pl.Expr(sequence=pl.Sequence(kind=kind, items=items))


def execute(function: Any, made: pl.Plan, store: Any, values: Any = ()) -> Value:
    """Execute the only node as a call of this function; return the only output."""
    outputs = Values()
    Call(made, 0, store, lambda module, name: function)(Given(values), outputs)
    (value,) = outputs.values
    return value


def call(function: Any, store: Any, values: Any = (), **arguments: pl.Expr) -> Any:
    """Execute and decode the only output."""
    value = execute(function, plan(function, **arguments), store, values)
    return codecs.from_value(value, Any, store)


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder)


def failing(function: Any, store: Any, values: Any = (), **arguments: pl.Expr) -> ActionError:
    with pytest.raises(ActionError) as caught:
        call(function, store, values, **arguments)
    return caught.value


def test_collections_and_records_are_built_as_annotated(store: LocalStore) -> None:
    output = pl.Expr(output=pl.OutputRef(node=3, output=1))
    values = {3: [Value(), Value(codec="json", inline=b"4")], -1: [Value(codec="json", inline=b'{"x": 9, "y": 1}')]}
    shown = call(
        typed,
        store,
        values,
        points=sequence("list", record("Point", x=output), pl.Expr(input=0)),
        pairs=pl.Expr(
            mapping=pl.Mapping(keys=[json('"k"')], values=[record("Pair", a=json("1"), b=json('{"x": 2, "y": 3}'))])
        ),
        some=sequence("tuple", output, json("5")),
        model=record("Model", size=output, points=sequence("list", record("Point", x=json("7"), y=json("8")))),
    )
    assert shown == (
        "[Point(x=4, y=0.5), Point(x=9, y=1.0)] {'k': Pair(a=1, b=Point(x=2, y=3.0))} (4, 5) "
        "Model(size=4, points=[Point(x=7, y=8.0)])"
    )


@pytest.mark.parametrize("kind", ["list", "tuple", "set"])
def test_each_kind_of_sequence(store: LocalStore, kind: str) -> None:
    assert call(show, store, value=sequence(kind, json("1"))) == {"list": "[1]", "tuple": "(1,)", "set": "{1}"}[kind]


def test_an_argument_is_new_for_each_call(store: LocalStore) -> None:
    it = Call(plan(keep, value=json("[0]")), 0, store, lambda module, name: keep)
    outputs = Values()
    for _ in range(2):
        it({}, outputs)
    assert [value.inline for value in outputs.values] == [b"[0,1]", b"[0,1]"]


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (pl.Expr(), "kind"),
        (pl.Expr(output=pl.OutputRef(node=8)), "outputs of node 8"),
        (pl.Expr(input=8), "inputs of the run"),
        (sequence("heap"), "heap"),
        (record("Absent"), "no longer exists"),
        (record("Point", absent=json("1")), "absent"),
        (json("[1"), "decoded"),
        (pl.Expr(literal=Value(codec="mesh/9", inline=b"1")), "mesh/9"),
        (pl.Expr(literal=Value(codec="json", artifact=hashlib.sha256(b"").digest())), "artifact"),
    ],
)
def test_arguments_that_cannot_be_built_are_named(store: LocalStore, expr: pl.Expr, text: str) -> None:
    error = failing(show, store, value=expr)
    assert isinstance(error, NotLoadable) and error.final
    assert text in error.message and "m:show" in error.message


@pytest.mark.parametrize("error", [StoreFull(Path("folder"), 0), StoreUnavailable("away"), OSError(5, "bad disk")])
def test_a_store_in_trouble_uses_up_no_attempt(error: Exception) -> None:
    put = failing(big, Fails(error), value=json("5000"))
    get = failing(show, Fails(error), value=pl.Expr(literal=Value(codec="numpy", artifact=b"0" * 32, size_bytes=9)))
    for each in (put, get):
        assert isinstance(each, StoreTrouble) and each.returned and not each.final
        assert str(error) in each.message


def test_a_file_that_is_not_there_uses_up_an_attempt() -> None:
    error = FileNotFoundError(2, "no such file")
    put = failing(big, Fails(error), value=json("5000"))
    assert isinstance(put, StoreFailed) and not put.returned and put.cause == ev.CAUSE_WORKER


def test_memory_that_runs_out_is_told_apart(store: LocalStore) -> None:
    assert isinstance(failing(hungry, store, value=json("1")), OutOfMemory)


def test_a_chain_of_errors_shows_both_and_nothing_of_ours(store: LocalStore) -> None:
    error = failing(chained, store, value=json("1"))
    assert isinstance(error, Raised) and (error.kind, error.message) == ("RuntimeError", "outer")
    assert "KeyError: 'absent'" in error.trace and "direct cause" in error.trace
    assert "penstock/invocation.py" not in error.trace


def test_other_code_than_the_plans_is_said(store: LocalStore) -> None:
    def other(value: int, more: int) -> int:
        return value

    def shaped(value: int) -> Pair:
        return Pair(value, Point(1))

    def bare(value):  # type: ignore[no-untyped-def]
        return value

    found: dict[Callable[..., Any], str] = {other: "more", shaped: "result", bare: "return"}
    for function, text in found.items():
        with pytest.raises(NotLoadable) as caught:
            execute(function, plan(big, value=json("1")), store)
        assert text in caught.value.message and "Compile and run again" in caught.value.message


def test_many_outputs_share_the_room_of_a_report(store: LocalStore) -> None:
    value = execute(many, plan(many, value=json("1000")), store)
    assert value.WhichOneof("body") == "artifact" and value.size_bytes > 100_000


def test_a_failure_fits_into_its_limits() -> None:
    failure = BadResult("ValueError", "é" * 20_000, "\ud800" + "x" * 100_000).failure()
    assert len(failure.message.encode()) <= 8 << 10 and len(failure.traceback.encode()) <= 32 << 10
    assert "omitted" in failure.message
