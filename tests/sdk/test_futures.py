"""What can and what cannot be done with a value that does not exist yet."""

from __future__ import annotations

import copy
import math
import operator as python
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import penstock
import pytest
from penstock import CompileErrors, FutureUsedAsValue, workflow

from tests.sdk.programs import add, split

USES: dict[str, Callable[[Any], Any]] = {
    "used as a condition": lambda future: 1 if future else 2,
    "used as a condition ": lambda future: future and 1,
    "used as a condition  ": lambda future: not future,
    "asked for its length": len,
    "searched (in)": lambda future: 1 in future,
    "indexed": lambda future: future[0],
    "changed ([...] = ...)": lambda future: python.setitem(future, 0, 1),
    "changed (del [...])": lambda future: python.delitem(future, 0),
    "changed (.x = ...)": lambda future: setattr(future, "x", 1),
    "changed (del .x)": lambda future: delattr(future, "x"),
    "iterated over": iter,
    "iterated over ": lambda future: [*future],
    "iterated over  ": next,
    "iterated over   ": reversed,
    "called": lambda future: future(),
    "entered (with)": lambda future: future.__enter__(),
    "awaited": lambda future: future.__await__(),
    "compared (==)": lambda future: future == 1,
    "compared (!=)": lambda future: future != 1,
    "compared (<, >)": lambda future: future < 1,
    "compared (<, >) ": lambda future: future > 1,
    "compared (==) ": lambda future: future in [1],
    "turned into text": str,
    "turned into text ": lambda future: f"{future}",
    "turned into text  ": lambda future: f"{future:>3}",
    "turned into text   ": lambda future: "%s" % future,  # noqa: UP031
    "turned into text    ": print,
    "turned into a number (int)": int,
    "turned into a number (float)": float,
    "turned into a number (index)": range,
    "rounded": round,
    "rounded ": math.floor,
    "used in arithmetic": lambda future: future + 1,
    "used in arithmetic ": lambda future: 1 + future,
    "used in arithmetic  ": lambda future: "text" + future,
    "used in arithmetic   ": lambda future: -future,
    "used in arithmetic    ": lambda future: sum([future]),
    "turned into bytes": bytes,
    "used as a path": Path,
    "turned into an array": np.asarray,
    "pickled": lambda future: future.__reduce_ex__(4),
}


@pytest.mark.parametrize("use", USES)
def test_a_use_as_a_value_is_refused(use: str) -> None:
    def body(count: int) -> None:
        future = add(count)
        USES[use](future)

    with pytest.raises(FutureUsedAsValue) as caught:
        penstock.compile(workflow(body), bundle_hash=b"")
    (error,) = caught.value.errors
    line = body.__code__.co_firstlineno + 1
    assert error.problem.startswith(f"the result of node 'add' (line {line}) was {use.strip()}")
    assert error.problem.endswith(", but has no value yet")
    assert error.operator == "add" and error.remedy
    assert error.file == __file__


def test_the_line_of_the_use_is_named() -> None:
    def body(count: int) -> None:
        if count:
            add(1)

    with pytest.raises(FutureUsedAsValue) as caught:
        penstock.compile(workflow(body), bundle_hash=b"")
    assert f"test_futures.py:{body.__code__.co_firstlineno + 1}: body: input 'count' was used as a condition" in str(
        caught.value
    )


def test_errors_before_it_are_not_lost() -> None:
    def body() -> None:
        add("x")  # type: ignore[arg-type]  # pyright: ignore
        add(1) + 1

    with pytest.raises(FutureUsedAsValue) as caught:
        penstock.compile(workflow(body), bundle_hash=b"")
    assert [error.argument for error in caught.value.errors] == ["a", ""]


def test_catching_the_exception_does_not_hide_it() -> None:
    def body(count: int) -> None:
        try:
            times = int(count)
        except Exception:
            times = 1
        add(times)

    with pytest.raises(CompileErrors, match="turned into a number"):
        penstock.compile(workflow(body), bundle_hash=b"")


def test_what_needs_no_value_works() -> None:
    def body(count: int) -> None:
        future: Any = split([1, count])
        train: Any = future.train
        assert repr(future) == "<future: the result of node 'split'>"
        assert repr(train) == "<future: output 'train' of node 'split'>"
        assert repr(count) == "<future: input 'count'>"
        assert {train: 1}[train] == 1 and train in [train] and train == train
        assert copy.copy(train) is train and copy.deepcopy([train])[0] is train
        assert not hasattr(train, "__fancy__")
        assert future is not None

    penstock.compile(workflow(body), bundle_hash=b"")
