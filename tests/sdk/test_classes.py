"""Operators and workflows that are classes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import penstock
import pytest
from penstock import CompileErrors, operator, testing, with_options, workflow
from penstock.errors import InvalidDeclaration, OperatorFailed
from penstock_plan.check import validation
from penstock_proto.plan.v1 import plan_pb2
from pydantic import BaseModel

from tests.sdk.class_programs import BigScale, Cut, DoubledPipeline, Load, Pipeline, Scale, Summarise, Summary, outer
from tests.sdk.programs import Split, total
from tests.sdk.test_compile import arguments

SCALE = Scale(3)


def plan(definition: Any) -> plan_pb2.Plan:
    made = penstock.compile(definition, bundle_hash=b"", local=True)
    validation.load(made.data)
    return made.plan


def errors_of(definition: Any, origin: Callable[..., Any]) -> list[str]:
    """What compiling raises, each with its line counted from the function's first."""
    with pytest.raises(CompileErrors) as caught:
        plan(definition)
    first = origin.__code__.co_firstlineno
    assert {error.file for error in caught.value.errors} == {origin.__code__.co_filename}
    return [f"{error.line - first} {error.operator}({error.argument}) {error.problem}" for error in caught.value.errors]


def test_outside_a_workflow_they_are_plain_classes() -> None:
    assert str(inspect.signature(Load)) == "(count: 'int' = 3) -> None"
    assert Scale(2, [1]).run([1, 2], limit=4) == [3, 4] and Scale(2).scaled(4) == 8
    assert BigScale(2).run([1]) == [4] and isinstance(BigScale(2), Scale)
    assert Load() == Load(3) != Load(4)
    assert (Load.__doc__ or "").startswith("Load rows.") and Summarise.__doc__ is None
    with pytest.raises(TypeError, match="unexpected keyword argument 'cuont'"):
        Load(cuont=3)  # type: ignore[call-arg]  # pyright: ignore
    with pytest.raises(ValueError, match="a share is from 0 to 1"):
        Cut(share=2)
    assert Pipeline(count=4).run() == Summary(5, 6)
    assert DoubledPipeline().run(0.5) == Pipeline().run()._replace(mean=12.0, largest=14)


def test_a_call_of_run_becomes_a_node() -> None:
    made = plan(Pipeline)
    assert made.name == "tests.sdk.class_programs:Pipeline" and made.doc == "Load, scale, cut and summarise."
    assert [(each.name, each.required, each.doc, each.default.inline) for each in made.inputs] == [
        ("count", False, "How many rows.", b"4"),
        ("factor", False, "", b"2"),
        ("share", False, "How many of them are for training.", b"0.5"),
    ]
    assert [(node.name, arguments(node)) for node in made.nodes] == [
        ("Load", {"count": "input 0"}),
        ("Scale", {"factor": "input 1", "offsets": "[]", "rows": "node 0.0"}),
        ("Cut", {"share": "input 2", "rows": "node 1.0"}),
        ("Summarise", {"rows": "node 2.1"}),
    ]
    scale = made.operators[1]
    assert (scale.module, scale.qualname) == ("tests.sdk.class_programs", "Scale")
    assert [(each.name, each.required) for each in scale.inputs] == [
        ("factor", True),
        ("offsets", False),
        ("rows", True),
        ("limit", False),
    ]
    assert scale.resources.cpu_milli == 2000 and scale.retry.retries == 1 and scale.doc == "Multiply rows."
    assert len({each.source_hash for each in made.operators}) == len(made.operators) and scale.source_hash


def test_workflow_classes_run() -> None:
    assert testing.run(Pipeline, count=6, share=0.0) == Summary(mean=5.0, largest=10.0)
    assert testing.run(DoubledPipeline) == Summary(mean=10.0, largest=14.0)
    assert testing.run(outer) == 1.0
    assert [node.name for node in plan(DoubledPipeline).nodes] == ["Load", "BigScale", "Cut", "Summarise"]
    assert plan(outer).nodes[0].name == "Pipeline/Load"
    assert penstock.compile(Pipeline, bundle_hash=b"").hash == penstock.compile(Pipeline, bundle_hash=b"").hash


def test_instances_made_anywhere_can_run_more_than_once() -> None:
    @workflow
    def flow() -> list[list[int]]:
        rows = Load(2).run()
        twice = Scale(factor=total(rows))
        other = dataclasses.replace(twice, factor=5)
        return [SCALE.run(rows), twice.run(rows), twice.run(rows, limit=1), other.run(rows)]

    factors = [arguments(node).get("factor") for node in plan(flow).nodes]
    assert factors == [None, None, "3", "node 1.0", "node 1.0", "5"]
    assert testing.run(flow) == [[0, 3], [0, 1], [0, 1], [0, 5]] == flow()


def test_other_options_for_a_call() -> None:
    big = with_options(Scale, memory="4Gi", retries=5)

    @workflow
    def flow() -> list[int]:
        return big(2).run(Scale(1).run([1]))

    scaled, big_scaled = plan(flow).nodes
    assert scaled.operator == big_scaled.operator
    assert not scaled.HasField("overrides")
    assert big_scaled.overrides.resources.memory_bytes == 4 * 2**30 and big_scaled.overrides.retry.retries == 5
    assert testing.run(flow) == [2] == flow()
    for wrong in (Pipeline, Split, 3):
        with pytest.raises(InvalidDeclaration, match="with_options takes a class that is an operator"):
            with_options(wrong, retries=1)  # type: ignore[type-var]  # pyright: ignore


def test_all_errors_at_once_each_at_its_line() -> None:
    @workflow
    def flow(count: int) -> float:
        rows = Load(cuont=count).run()  # type: ignore[call-arg]  # pyright: ignore
        scale = Scale(
            "x",  # type: ignore[arg-type]  # pyright: ignore
        )
        scale.run()  # type: ignore[call-arg]  # pyright: ignore
        dataclasses.replace(scale, factor="y").run(rows)
        scale.run(rows, factor=3)  # type: ignore[call-arg]  # pyright: ignore
        Scale().run(count)  # type: ignore[call-arg, arg-type]  # pyright: ignore
        total(Load)  # type: ignore[arg-type]  # pyright: ignore
        return Load(3)  # type: ignore[return-value]  # pyright: ignore

    assert errors_of(flow, flow.fn) == [
        "2 Load(cuont) has no such argument",
        "6 Scale(rows) is missing",
        "3 Scale(factor) expected int, given str 'x'",
        "7 Scale(factor) expected int, given str 'y'",
        "8 Scale(factor) has no such argument",
        "9 Scale(factor) is missing",
        "9 Scale(rows) expected list[int], given int, input 'count'",
        "10 total(rows) expected list[int], given the class Load itself",
        "0 flow(return) expected float, given the class Load itself",
    ]


def test_a_workflow_class_with_wrong_fields_stops_the_body() -> None:
    @workflow
    def flow() -> float:
        return Pipeline(cuont=3).run().mean  # type: ignore[call-arg]  # pyright: ignore

    @workflow
    class Plain:
        factor: float

        def run(self) -> float:
            return 1.0

    @workflow
    def mistyped() -> float:
        return Plain("many").run()  # type: ignore[arg-type]  # pyright: ignore

    assert errors_of(flow, flow.fn) == ["2 Pipeline(cuont) has no such argument"]
    assert errors_of(mistyped, mistyped.fn) == ["2 Plain(factor) expected float, given str 'many'"]


def test_what_is_wrong_with_a_class_is_said_where_it_is_declared() -> None:
    def declarations() -> Any:
        @operator
        class Twice:
            rows: list[int]
            seed: dataclasses.InitVar[int]

            def run(self, rows: list[int], at: int, /, bare):  # type: ignore[no-untyped-def]  # pyright: ignore
                return rows

        return Twice

    twice = declarations()

    @workflow
    class Flow:
        def run(self) -> None:
            twice([]).run([], 1, bare=2)

    found = errors_of(Flow, declarations)
    assert [line for line in found if not line.startswith("1 Twice")] == []
    assert [line.removeprefix("1 Twice") for line in found] == [
        "(seed) is an InitVar",
        "(rows) is a field and an argument of run",
        "(rows) can only be given by position",
        "(at) can only be given by position",
        "(bare) has no type",
        "() has no return annotation",
    ]


def test_a_subclass_needs_its_own_decorator() -> None:
    class Undecorated(Load):
        pass

    @workflow
    def flow() -> list[int]:
        return Undecorated(3).run()

    assert Undecorated(2).run() == [0, 1]
    assert errors_of(flow, flow.fn) == ["2 Undecorated() is a subclass without a decorator"]


def test_post_init_of_an_operator_runs_with_values() -> None:
    @workflow
    def flow(share: float) -> Split:
        return Cut(share=share).run([1, 2])

    assert testing.run(flow, share=0.5) == Split([1], [2])
    with pytest.raises(OperatorFailed, match="a share is from 0 to 1, not 3"):
        testing.run(flow, share=3.0)


def test_post_init_of_a_workflow_is_part_of_its_body() -> None:
    @workflow
    class Prepared:
        count: int = 2

        def __post_init__(self) -> None:
            self.loaded = Load(self.count).run()

        def run(self) -> int:
            return total(self.loaded)

    @workflow
    def around() -> int:
        return Prepared(4).run()

    assert testing.run(Prepared) == 1 == Prepared().run()
    assert testing.run(around) == 6


class Pair(NamedTuple):
    left: int

    def run(self) -> int:
        return self.left


class Data(BaseModel):
    left: int

    def run(self) -> int:
        return self.left


class Choice(Enum):
    LEFT = 1

    def run(self) -> int:
        return 1


class Silent:
    count: int


class Static:
    @staticmethod
    def run() -> int:
        return 1


class Waiting:
    async def run(self) -> int:
        return 1


class Own:
    def __init__(self, count: int) -> None:
        self.count = count

    def run(self) -> int:
        return self.count


class Shared:
    rows: list[int] = []  # noqa: RUF012

    def run(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Pair, "Pair must be a plain class or a dataclass"),
        (Data, "Data must be a plain class or a dataclass"),
        (Choice, "Choice must be a plain class or a dataclass"),
        (Silent, "Silent has no method run"),
        (Static, r"Static\.run must be a plain method"),
        (Waiting, "without async"),
        (Own, "Own has an __init__: declare what it takes as typed fields"),
        (Shared, "Shared: mutable default"),
        (Load, "Load is declared already"),
    ],
)
def test_classes_that_cannot_be_declared(cls: type[Any], said: str) -> None:
    for decorate in (operator, operator(cpu=2), workflow, workflow(name="x")):
        with pytest.raises(InvalidDeclaration, match=said):
            decorate(cls)
