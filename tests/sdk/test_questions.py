"""Questions that Python answers without asking the object are refused about futures, and only about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from penstock.cli.app import execute
from penstock.compiler.compilation import compile
from penstock.compiler.loader import isolate, workflows_in
from penstock.errors import CompileErrors

HEAD = """
import dataclasses, inspect, math, operator as op
from dataclasses import dataclass
from typing import NamedTuple
from penstock import operator, workflow
import pick_of_questions as helpers

@dataclass
class Config:
    seed: int | None
    mode: str = "x"

class Pair(NamedTuple):
    low: int
    high: int

@operator
def train(seed: int | None, more: list[int] = []) -> int:
    return seed or 0

@operator
def is_good(x: int | None) -> int:
    return 1

@operator
def split(x: int | None) -> Pair:
    return Pair(1, 2)

@workflow
def inner(seed: int | None = None) -> int:
    if seed is None:
        seed = 3
    return train(seed)

TABLE = {1: 2}
SEEN = object()
"""
HELPER = """
from penstock import workflow

def pick(seed):
    return 42 if seed is None else seed

class Picks:
    def __init__(self, seed):
        self.seed = seed

    @property
    def value(self):
        return 42 if self.seed is None else self.seed

@workflow
def nothing() -> None: ...
"""
BODY = "\n@workflow\ndef wf(x: int | None = None) -> int:\n    "

REFUSED = {
    "is": "return train(1 if x is None else x)",
    "is not": "return train(x if x is not None else 1)",
    "is reversed": "return train(1 if None is x else x)",
    "is in an if": "if x is None:\n        x = 42\n    return train(x)",
    "is in a while": "while x is None:\n        x = 42\n    return train(x)",
    "is in an assert": "assert x is not None\n    return train(x)",
    "is in a comprehension": "return train([y for y in (x, 1) if y is not None][0])",
    "is in a lambda": "return (lambda y: train(1 if y is None else y))(x)",
    "is in a nested function": "def choose():\n        return 1 if x is None else x\n    return train(choose())",
    "is in a long comparison": "return train(1 if x is SEEN is None else x)",
    "walrus": "return train(1 if (y := train(x)) is None else y)",
    "field of a record": "config = Config(x)\n    return train(1 if config.seed is None else 2)",
    "result": "y = train(x)\n    return train(1 if y is None else y)",
    "isinstance": "return train(1 if isinstance(x, int) else 2)",
    "type": "return train(1 if type(x) is int else 2)",
    "callable": "return train(1 if callable(x) else 2)",
    "hasattr": "return train(1 if hasattr(x, 'shape') else 2)",
    "getattr with a default": "return train(getattr(x, 'real', 2))",
    "caught attribute": "try:\n        return train(x.real)\n    except AttributeError:\n        return train(1)",
    "library": "return train(1 if dataclasses.is_dataclass(x) else 2)",
    "builtin of a library": "return train(1 if op.is_(x, None) else 2)",
    "is function": "return train(1 if inspect.isfunction(x) else 2)",
    "in a set": "return train(1 if x in {1, 2} else 2)",
    "not in a set": "return train(1 if x not in frozenset((1, 2)) else 2)",
    "in a dict": "return train(1 if x in TABLE else 2)",
    "key": "return train(TABLE.get(x, 2))",
    "key of a dict in place": "return train({1: 2}.get(x, 7))",
    "match none": "match x:\n        case None: return train(1)\n        case y: return train(y)",
    "match class": "match x:\n        case int(): return train(1)\n        case _: return train(2)",
    "match tuple": "match ('a', x):\n        case ('a', None): return train(1)\n        case _: return train(2)",
    "match record": "match Config(x):\n        case Config(seed=None): return 1\n        case _: return train(2)",
    "match key": "match {'a': x}:\n        case {'a': None}: return train(1)\n        case _: return train(2)",
    "match or": "match x:\n        case None | int(): return train(1)\n        case _: return train(2)",
    "match pair": "match split(x):\n        case Pair(low=1): return train(1)\n        case _: return train(2)",
    "helper": "return train(helpers.pick(x))",
    "class of a helper": "return train(helpers.Picks(x).value)",
    "function in a dict": "return train({'a': helpers.pick}['a'](x))",
    "workflow within": "return inner(x)",
}
ALLOWED = {
    "plain value": "return inner(None)",
    "plain value in a helper": "return train(helpers.pick(None))",
    "result of a helper": "return train(helpers.pick(7))",
    "operator that is called like a question": "return is_good(x)",
    "capture": "match ('a', x):\n        case ('a', y): return train(y)\n        case _: return train(1)",
    "capture of a field": "match Config(x):\n        case Config(y, 'x'): return train(y)\n        case _: return 1",
    "plain questions": "return train(x if isinstance(3, int) and TABLE.get(1) is not None and 1 in TABLE else 1)",
    "membership among futures": "ys = [train(x), train(1)]\n    return ys[0] if ys[1] in set(ys) else train(2)",
    "same future": "y = train(x)\n    return train(1 if y is y else 2)",
}


@pytest.fixture
def said(tmp_path: Path) -> Callable[[str], list[str]]:
    (tmp_path / "pick_of_questions.py").write_text(HELPER)

    def compile_body(body: str) -> list[str]:
        file = tmp_path / "flow_of_questions.py"
        file.write_text(HEAD + BODY + body + "\n")
        with isolate():
            try:
                compile(workflows_in(file)["wf"], bundle_hash=b"")
            except CompileErrors as errors:
                return [f"{Path(each.file).name}:{each.line}: {each.problem}" for each in errors.errors]
        return []

    return compile_body


@pytest.mark.parametrize("case", REFUSED)
def test_a_question_about_a_future_is_refused_where_it_is_asked(said: Callable[[str], list[str]], case: str) -> None:
    errors = said(REFUSED[case])
    assert len(errors) == 1, errors
    assert "has no value yet" in errors[0] or "has no output" in errors[0]
    place = errors[0].split(": ")[0]
    first = (HEAD + BODY).count("\n") + 1
    if case in ("helper", "function in a dict"):
        assert place == "pick_of_questions.py:5"
    elif case == "class of a helper":
        assert place == "pick_of_questions.py:13"
    elif case == "workflow within":
        assert place == f"flow_of_questions.py:{HEAD.splitlines().index('    if seed is None:') + 1}"
    else:
        line = int(place.rpartition(":")[2])
        assert place.startswith("flow_of_questions.py:")
        assert first <= line <= first + REFUSED[case].count("\n")


@pytest.mark.parametrize("case", ALLOWED)
def test_what_has_a_value_answers(said: Callable[[str], list[str]], case: str) -> None:
    assert said(ALLOWED[case]) == []


def test_functions_are_as_they_were_after_a_compilation(tmp_path: Path) -> None:
    (tmp_path / "pick_of_questions.py").write_text(HELPER)
    file = tmp_path / "flow_of_questions.py"
    file.write_text(HEAD + BODY + REFUSED["helper"])
    with isolate():
        wf = workflows_in(file)["wf"]
        helper = wf.fn.__globals__["helpers"].pick
        before = helper.__code__, wf.fn.__code__
        with pytest.raises(CompileErrors):
            compile(wf, bundle_hash=b"")
        assert (helper.__code__, wf.fn.__code__) == before
        assert wf(None) == 42


def test_the_default_that_is_meant_is_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "flow_of_default.py"
    file.write_text(
        "from penstock import operator, workflow\n@operator\ndef train(seed: int | None) -> int: return 1\n"
        "@workflow\ndef wf(seed: int | None = None) -> int:\n    if seed is None:\n        seed = 42\n"
        "    return train(seed)\n"
    )
    assert execute(["check", str(file)]) == 2
    out = capsys.readouterr().out
    assert f"{file}:6:1: error: wf: input 'seed' was compared (is), but has no value yet" in out
    assert "declare the default that is meant (seed: int = 42)" in out
