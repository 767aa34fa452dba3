"""Random programs with maps, branches and loops give what plain Python gives, in whatever order they are executed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import penstock
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock import ItemFailure, operator, workflow
from penstock.testing import run as run_in_test
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.dynamic.cores import CoreRun


@operator
def count_up(to: int) -> list[int]:
    return list(range(max(to, 0) % 7))


outage: random.Random | None = None  # while there is one, `add` fails now and then


@operator
def fussy(x: int) -> int:
    if x % 3 == 1:
        raise ValueError(x)
    return x


@operator
def numbers_of(failures: list[ItemFailure]) -> list[int]:
    return [each.index for each in failures]


@operator
def add(x: int, y: int = 1) -> int:
    if outage is not None and outage.random() < 0.1:
        raise ConnectionError("away")
    return (x * 3 + y) % 1009


@operator
def total(xs: list[int]) -> int:
    return sum(xs) % 1009


@operator
def tagged(x: int) -> tuple[str, int]:
    return ("NaN" if x % 2 else "-", x)


@operator
def plain(x: tuple[str, int]) -> int:
    return x[1] + len(x[0])


@operator
def is_odd(x: int) -> bool:
    return x % 2 == 1


Number = Callable[[int], int]


def numbers(depth: int) -> st.SearchStrategy[Number]:
    """Functions of a number that call operators, as a workflow's body does."""
    plain_ones: st.SearchStrategy[Number] = st.sampled_from([lambda x: add(x), lambda x: plain(tagged(x))])
    if depth == 0:
        return plain_ones
    inner = numbers(depth - 1)
    return st.one_of(
        plain_ones,
        st.builds(_chain, inner, inner),
        st.builds(_branch, inner, inner, st.booleans()),
        st.builds(_mapped, inner, inner, st.booleans(), st.sampled_from([None, 1, 2])),
        st.builds(_failing, inner, st.sampled_from(["skip", "keep"]), st.sampled_from([None, 1, 2])),
        st.builds(_pipeline, st.booleans()),
        st.builds(_in_step, inner),
        st.builds(_repeated, inner, st.integers(1, 4)),
    )


def _chain(first: Number, second: Number) -> Number:
    return lambda x: second(first(x))


def _branch(then: Number, otherwise: Number, as_it_is: bool) -> Number:
    return lambda x: penstock.when(is_odd(x), lambda: then(x), (x if as_it_is else lambda: otherwise(x)))


def _mapped(body: Number, after: Number, fixed: bool, concurrency: int | None) -> Number:
    def of_item(x: int, outer: int) -> int:
        return add(body(x), outer) if fixed else body(x)

    of_item.__annotations__ = {"x": int, "outer": int, "return": int}
    each = workflow(of_item)
    return lambda x: after(total(each.map(count_up(x), outer=x, concurrency=concurrency)))


def _failing(after: Number, policy: Any, concurrency: int | None) -> Number:
    def run(x: int) -> int:
        found: Any = fussy.map(count_up(x), on_item_failure=policy, concurrency=concurrency)
        if policy == "skip":
            return after(total(add.map(found)))
        return add(after(total(found.results)), total(numbers_of(found.failures)))

    return run


def _pipeline(longer: bool) -> Number:
    def run(x: int) -> int:
        items = add.map(add.map(count_up(x), y=x))
        return total(add.map(items, y=total(items)) if longer else items)

    return run


def _in_step(body: Number) -> Number:
    def run(x: int) -> int:
        first = add.map(count_up(x))
        return add(body(total(add.map(first, first))), total(add.map(count_up(x), y=penstock.each(first))))

    return run


def _repeated(body: Number, rounds_max: int) -> Number:
    return lambda x: penstock.repeat(body, x, until=is_odd, rounds_max=rounds_max)


@settings(max_examples=40, deadline=None)
@given(body=numbers(3), start=st.integers(0, 50), seed=st.integers(0, 2**32))
def test_any_program_gives_what_python_gives(body: Number, start: int, seed: int) -> None:
    def program(x: int) -> int:
        return body(x)

    program.__annotations__ = {"x": int, "return": int}
    declared: Any = workflow(program)
    expected = declared(start)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        run = CoreRun(declared, {"x": start}, seed, Path(folder))
        assert (run.drive().state, run.result()) == (ev.RUN_STATE_SUCCEEDED, expected)
    assert run_in_test(declared, x=start) == expected


@settings(max_examples=30, deadline=None)
@given(body=numbers(3), start=st.integers(0, 50), seed=st.integers(0, 2**32))
def test_any_program_goes_on_after_failures(body: Number, start: int, seed: int) -> None:
    global outage

    def program(x: int) -> int:
        return body(x)

    program.__annotations__ = {"x": int, "return": int}
    declared: Any = workflow(program)
    expected = declared(start)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        outage = random.Random(seed)
        try:
            run = CoreRun(declared, {"x": start}, seed, Path(folder))
            for _ in range(3):
                if run.drive().state == ev.RUN_STATE_FAILED:
                    run.reopen()
        finally:
            outage = None
        assert (run.drive().state, run.result()) == (ev.RUN_STATE_SUCCEEDED, expected)
    succeeded = [event.action_succeeded.node for event in run.log if event.HasField("action_succeeded")]
    assert len(succeeded) == len(set(succeeded)), "what had succeeded is not executed again"
