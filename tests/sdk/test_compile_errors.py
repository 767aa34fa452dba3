"""Each mistake in a workflow, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import penstock
import pytest
from penstock import CompileErrors, Workflow, after, barrier, operator, workflow
from penstock.errors import InvalidDeclaration, UnknownOutput
from pydantic import BaseModel

from tests.sdk.programs import Config, Settings, Split, add, fit, load, note, split, total


def errors_of(body: Callable[..., Any] | Workflow[..., Any], local: bool = True) -> CompileErrors:
    definition = body if isinstance(body, Workflow) else workflow(body)
    with pytest.raises(CompileErrors) as caught:
        penstock.compile(definition, bundle_hash=b"", local=local)
    return caught.value


def said(body: Callable[..., Any], local: bool = True) -> list[str]:
    """Each error without its place."""
    return [str(error).split(": ", 1)[1] for error in errors_of(body, local).errors]


def test_all_errors_come_at_once_with_their_places() -> None:
    def several(count: int) -> int:
        rows = load("three")  # type: ignore[arg-type]  # pyright: ignore
        total(load)  # type: ignore[arg-type]  # pyright: ignore
        return split(rows).train  # type: ignore[return-value]  # pyright: ignore

    caught = errors_of(several)
    first = several.__code__.co_firstlineno
    found = [
        (error.operator, error.argument, error.expected, error.given, error.line - first) for error in caught.errors
    ]
    assert found == [
        ("load", "count", "int", "str", 1),
        ("total", "rows", "list[int]", "Operator", 2),
        ("several", "return", "int", "list[int]", 0),
    ]
    assert all(error.file == __file__ for error in caught.errors)
    text = str(caught)
    assert text.startswith("3 errors in workflow several\n")
    assert f"test_compile_errors.py:{first + 1}: load(count): expected int, given str 'three'" in text
    assert "call it: load(...)" in text


def test_a_future_of_the_wrong_type() -> None:
    def wrong() -> None:
        rows = load()
        add(rows)  # type: ignore[arg-type]  # pyright: ignore

    (error,) = errors_of(wrong).errors
    assert error.problem.startswith("expected int, given list[int], the result of node 'load' (line ")


def test_a_whole_result_where_one_output_fits() -> None:
    def wrong() -> None:
        total(split(load()))  # type: ignore[arg-type]  # pyright: ignore

    (error,) = errors_of(wrong).errors
    assert (error.expected, error.given, error.remedy) == ("list[int]", "Split", "its output .train or .test would fit")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: add(), ["add(a): is missing\n    the arguments are (a, b=0)"]),
        (lambda: add(1, 2, 3), ["add: takes 2 positional arguments, given 3\n    the arguments are (a, b=0)"]),
        (lambda: add(1, a=2), ["add(a): is given twice, by position and by name"]),
        (lambda: load(cuont=2), ["load(cuont): has no such argument\n    did you mean 'count'?"]),
        (lambda: load(zzz=2), ["load(zzz): has no such argument\n    the arguments are (count=3)"]),
        (lambda: add(True), ["add(a): expected int, given bool True"]),
        (lambda: add(1.5), ["add(a): expected int, given float 1.5"]),
        (lambda: add(None), ["add(a): expected int, given None"]),
        (
            lambda: total([1, "2"]),
            ["total(rows): expected list[int], given list [1, '2']: at [1]: input should be a valid integer"],
        ),
        (
            lambda: split([1], -0.5),
            [
                "split(share): expected Annotated[float, minimum=0], given float -0.5: "
                "input should be greater than or equal to 0"
            ],
        ),
        (lambda: total((1, 2)), ["total(rows): expected list[int], given tuple (1, 2)"]),
        (lambda: note("\ud800"), ["note(text): given text that UTF-8 cannot encode: surrogates not allowed at 0"]),
        (
            lambda: total([load()]),
            ["total(rows[0]): expected int, given list[int], the result of node 'load' (line *)"],
        ),
        (lambda: total({"a": add(1)}), ["total(rows): expected list[int], given a dict with futures in it"]),
        (
            lambda: fit(Config(add(1), [load()]), Settings(rate=-1.0, rows=[add(1)])),  # type: ignore[list-item]
            [
                "fit(config.rows[0]): expected int, given list[int], the result of node 'load' (line *)",
                "fit(settings.rate): expected Annotated[float, exclusiveMinimum=0], given float -1.0: "
                "input should be greater than 0",
            ],
        ),
        (
            lambda: fit(Split(load(), []), 1),
            ["fit(config): expected Config, given Split", "fit(settings): expected Settings, given int 1"],
        ),
        (
            lambda: add(note("x")),
            [
                "add(a): given the result of node 'note' (line *), which returns nothing\n"
                "    to run after it, write: with penstock.after(...):"
            ],
        ),
        (lambda: after(3), ["after: expected results of operators called in this workflow, given int"]),
        (lambda: barrier([]), ["barrier: expected results of operators called in this workflow, given list"]),
        (lambda: Settings(rows=[add(1)], colour=1), ["Settings: rate is missing; unknown field colour"]),
        (lambda: {}["key"], ["<lambda>: the workflow's body raised KeyError: 'key'"]),
    ],
)  # fmt: skip
def test_each_mistake(call: Callable[[], Any], expected: list[str]) -> None:
    import re

    def body() -> None:
        call()

    texts = [re.sub(r"\(line \d+\)", "(line *)", text) for text in said(body)]
    assert [text.replace("body:", "<lambda>:") for text in texts] == expected


@operator
def without_types(rows, share=0.5, *more, **others):  # type: ignore[no-untyped-def]  # pyright: ignore
    ...


@operator
def unknown_name(rows: Nowhere) -> int:  # type: ignore[name-defined] # noqa: F821 # pyright: ignore
    ...


@operator
def code_as_data(call: Callable[[], int], kind: type[int]) -> Iterator[int]: ...


@dataclass
class WithCode:
    call: Callable[[], int]


@operator
def hidden_code(value: WithCode) -> None: ...


def test_annotations_that_are_missing_or_cannot_be_used() -> None:
    def body() -> None:
        without_types(1)
        without_types(1)
        unknown_name(1)
        code_as_data(1, 2)  # type: ignore[arg-type]  # pyright: ignore
        hidden_code(1)  # type: ignore[arg-type]  # pyright: ignore

    assert said(body) == [
        "without_types(rows): has no type\n    write its type, such as rows: float",
        "without_types(share): has no type\n    write share: float = 0.5",
        "without_types(more): declares *more\n    name each argument, or take one list",
        "without_types(others): declares **others\n    name each argument, or take one dict",
        "without_types: has no return annotation\n    write what it returns, such as -> float or -> None",
        "unknown_name: the annotation names 'Nowhere', which is not defined\n"
        "    import Nowhere at the top of the file; it must also be there when the program runs",
        "code_as_data(call): Callable is code, not data, and cannot go from one operator to another: "
        "pass a name or settings instead",
        "code_as_data(kind): type is code, not data, and cannot go from one operator to another: "
        "pass a name or settings instead",
        "code_as_data(return): Iterator cannot be stored: return a list",
        "hidden_code(value): Callable is code, not data, and cannot go from one operator to another: "
        "pass a name or settings instead",
    ]


def test_the_declaration_is_named_not_the_call() -> None:
    def body() -> None:
        without_types(1)

    assert {error.line for error in errors_of(body).errors} == {without_types.fn.__code__.co_firstlineno}


def test_inputs_of_the_workflow() -> None:
    def inputs(untyped, count: int = "3", *more: int) -> None:  # type: ignore[assignment,no-untyped-def]  # pyright: ignore
        add(untyped)

    assert said(inputs) == [
        "inputs(untyped): has no type\n    write its type, such as untyped: float",
        "inputs(more): declares *more\n    name each argument, or take one list",
    ]

    def default(count: int = "3") -> None:  # type: ignore[assignment]  # pyright: ignore
        add(count)

    assert said(default) == ["default(count): its default does not fit: expected int, given str '3'"]


def test_what_the_workflow_returns() -> None:
    def mixed() -> Split:
        rows = load()
        return Split(rows, total(rows))  # type: ignore[arg-type]  # pyright: ignore

    def something() -> None:
        return add(1)  # type: ignore[return-value]  # pyright: ignore

    def nothing() -> int:  # type: ignore[return]  # pyright: ignore
        pass

    assert [error.argument for error in errors_of(mixed).errors] == ["return.test"]
    assert [error.problem.split(",")[0] for error in errors_of(something).errors] == ["expected None"]
    assert said(nothing) == ["nothing(return): expected int, given None"]


def test_unknown_outputs() -> None:
    def of_a_node() -> Any:
        return split(load()).trian  # type: ignore[attr-defined]  # pyright: ignore

    def of_a_value() -> Any:
        return add(1).real

    assert isinstance(errors_of(of_a_node), UnknownOutput)
    (error,) = errors_of(of_a_node).errors
    assert "has no output 'trian'" in error.problem and error.remedy == "its outputs are train, test"
    (error,) = errors_of(of_a_value).errors
    assert "has no output 'real'" in error.problem and "read the attribute in an operator" in error.remedy


def test_a_workflow_called_wrongly_by_a_workflow() -> None:
    @workflow
    def inner(rows: list[int], times: int) -> int:
        return total(rows)

    def outer() -> None:
        inner("rows", 1)  # type: ignore[arg-type]  # pyright: ignore
        inner(add(1), times=2)  # type: ignore[arg-type]  # pyright: ignore
        inner(load())  # type: ignore[call-arg]  # pyright: ignore

    problems = said(outer)
    assert problems[0] == "inner(rows): expected list[int], given str 'rows'"
    assert [text.split(":")[0] for text in problems] == [
        "inner(rows)",
        "total(rows)",
        "inner(rows)",
        "total(rows)",
        "inner(times)",
    ]


def test_a_workflow_that_calls_itself() -> None:
    @workflow
    def again(count: int) -> int:
        return again(count)

    (error,) = errors_of(again).errors
    assert error.problem == "is called 50 workflows deep" and error.remedy == "does it call itself?"


def test_a_future_of_another_compilation() -> None:
    kept: list[int] = []

    def first() -> None:
        kept.append(add(1))

    def second() -> None:
        add(kept[0])

    penstock.compile(workflow(first), bundle_hash=b"")
    (error,) = errors_of(second).errors
    assert "of another workflow" in error.problem


def test_a_list_that_contains_itself() -> None:
    def endless() -> None:
        rows: list[Any] = []
        rows += [rows, add(1)]
        note(rows)  # type: ignore[arg-type]  # pyright: ignore

    assert said(endless) == ["note(text): expected str, given a list with futures in it"]

    def endless_any() -> None:
        rows: list[Any] = []
        rows += [rows, add(1)]
        anything(rows)

    (error,) = errors_of(endless_any).errors
    assert error.problem == "contains itself"

    def deep() -> None:
        rows: list[Any] = [add(1)]
        for _ in range(50):
            rows = [rows]
        anything(rows)

    (error,) = errors_of(deep).errors
    assert error.problem == "is nested deeper than 40"


def test_a_loop_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.compiler.trace.NODES_MAX", 100)

    def body() -> None:
        while True:
            add(1)

    (text,) = said(body)
    assert text.startswith("add: exceeds the limit of 100 nodes per plan")


def test_waiting_for_a_workflow_that_returns_nothing() -> None:
    @workflow
    def silent() -> None:
        note("x")

    def body() -> None:
        with after(silent()):
            add(1)

    (text,) = said(body)
    assert text.endswith("given NoneType\n    a workflow to wait for must return a result of its own operators")


@operator
def anything(value: Any) -> None: ...


def test_values_without_a_codec_name_what_to_do() -> None:
    def body() -> None:
        anything(object())
        anything(add)

    first, second = said(body)
    assert "has no codec" in first and "register a codec" in first
    assert "given Operator" in second


def test_operators_that_a_worker_cannot_import() -> None:
    @operator
    def local_operator() -> None: ...

    renamed = operator(_named_otherwise)

    def body() -> None:
        local_operator()
        renamed()

    assert said(body, local=False) == [
        "local_operator: is defined inside a function, where a worker cannot import it\n"
        "    define it at the top level of its file",
        "_hidden: a worker cannot import it as tests.sdk.test_compile_errors:_hidden\n"
        "    give it the name it is defined by, _hidden, at the top level of tests.sdk.test_compile_errors",
    ]


def _hidden() -> None: ...


_named_otherwise = _hidden
del _hidden


def test_two_operators_of_one_name() -> None:
    def make() -> penstock.Operator[[], int]:
        @operator
        def twin() -> int:
            return 1

        return twin

    one, other = make(), make()

    def body() -> None:
        one()
        other()

    assert "another operator has the same name" in said(body)[0]


def test_many_errors_end_the_compilation() -> None:
    def body() -> None:
        for _ in range(1000):
            add("x")  # type: ignore[arg-type]  # pyright: ignore

    assert len(errors_of(body).errors) == 100


def test_a_model_validated_another_way_says_how_to_build_it() -> None:
    class Small(BaseModel):
        count: int

    def body() -> None:
        anything(Small.model_validate({"count": add(1)}))

    (error,) = errors_of(body).errors
    assert "ValidationError" in error.problem and "a future has no value yet" in error.remedy


def test_pydantic_is_left_as_it_was() -> None:
    before = BaseModel.__init__
    test_a_model_validated_another_way_says_how_to_build_it()
    assert BaseModel.__init__ is before


def test_what_is_no_workflow_cannot_be_compiled() -> None:
    with pytest.raises(InvalidDeclaration, match="put @workflow above its def"):
        penstock.compile(add)  # type: ignore[arg-type]  # pyright: ignore
