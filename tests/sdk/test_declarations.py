"""The decorators: signatures for editors, options, and what is refused."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from penstock import Operator, Workflow, operator, workflow
from penstock.declare.options import Options, memory_bytes, overrides
from penstock.errors import InvalidDeclaration
from penstock_plan.limits import memory_limit

from tests.sdk.programs import add, load, split


def test_signatures_survive() -> None:
    assert str(inspect.signature(split)) == "(rows: 'list[int]', share: 'Annotated[float, Ge(0)]' = 0.5) -> 'Split'"
    assert split.__name__ == "split" and split.__module__ == "tests.sdk.programs"
    assert load.__doc__ is not None and load.__doc__.startswith("Load rows.")
    assert inspect.getdoc(load) == inspect.getdoc(load.fn)
    assert inspect.unwrap(load) is load.fn
    assert str(inspect.signature(add.options(gpu=1))) == str(inspect.signature(add))


def test_bare_and_with_arguments() -> None:
    def plain(count: int) -> int:
        return count

    for made in (operator(plain), operator()(plain), operator(name="other", gpu=1)(plain)):
        assert isinstance(made, Operator) and made(3) == 3
    for flow in (workflow(plain), workflow()(plain), workflow(name="other")(plain)):
        assert isinstance(flow, Workflow) and flow(3) == 3
    assert repr(add) == "<operator tests.sdk.programs:add>"


def test_a_decorated_function_stays_decorated() -> None:
    import functools

    def doubled(fn: Callable[[int], int]) -> Callable[[int], int]:
        @functools.wraps(fn)
        def wrapper(count: int) -> int:
            return 2 * fn(count)

        return wrapper

    @operator
    @doubled
    def plain(count: int) -> int:
        return count

    from penstock import testing

    @workflow
    def flow(count: int) -> int:
        return plain(count)

    assert plain(3) == 6
    assert testing.run(flow, count=3) == 6


@pytest.mark.parametrize(
    "options",
    [
        {"cpu": -1},
        {"cpu": float("nan")},
        {"cpu": "2"},
        {"gpu": 0.5},
        {"gpu": -1},
        {"memory": "12 apples"},
        {"memory": -1},
        {"memory": True},
        {"retries": -1},
        {"retries": 1.5},
        {"retry_delay_s": -1},
        {"retry_delay_s": float("inf")},
        {"retry_factor": 0.5},
        {"retry_jitter": 2},
        {"timeout_s": 0},
        {"timeout_s": float("inf")},
        {"on_failure": "ignore"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 1000},
        {"name": "\ud800"},
        {"labels": {"a": 1}},
        {"labels": {"": "x"}},
        {"cache": "7 apples"},
        {"cache": "0d"},
        {"cache": 60},
        {"cache": dt.timedelta(0)},
    ],
)
def test_options_out_of_their_range(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(InvalidDeclaration, match=name):
        operator(**options)
    with pytest.raises(InvalidDeclaration, match=name):
        add.options(**options)


def test_unknown_options_are_named() -> None:
    with pytest.raises(InvalidDeclaration, match="no option gpus; the options are name, cpu, gpu"):
        add.options(gpus=1)  # type: ignore[call-arg]  # pyright: ignore


@pytest.mark.parametrize(
    ("memory", "size_bytes"),
    [(None, 0), (0, 0), (7, 7), ("7", 7), ("2k", 2000), ("512Mi", 2**29), ("1.5 GiB", 3 * 2**29), ("2TB", 2 * 10**12)],
)
def test_sizes(memory: str | int | None, size_bytes: int) -> None:
    assert memory_bytes(memory) == size_bytes


def test_the_default_of_memory_is_a_limit_once_it_is_declared() -> None:
    def limit(options: Options) -> tuple[int, int, bool]:
        found = options.resources()
        return found.memory_bytes, memory_limit(found), found.memory_is_declared

    assert limit(add.options().settings) == limit(Options()) == (2**29, 0, False)
    assert limit(add.options(memory="512Mi").settings) == limit(Options(memory=2**29)) == (2**29, 2**29, True)
    assert limit(Options(memory="2Gi")) == (2**31, 2**31, False)
    assert limit(Options(memory=None)) == (0, 0, False)
    changed = overrides(Options(), Options(memory="512Mi"))
    assert changed is not None and changed.resources.memory_is_declared
    assert overrides(Options(memory="512Mi"), Options(memory=2**29)) is None


def test_what_is_no_plain_function_is_refused() -> None:
    async def waiting() -> int:
        return 1

    def yielding():  # type: ignore[no-untyped-def]  # pyright: ignore
        yield 1

    class Thing:
        pass

    for decorate in (operator, workflow):
        for wrong in (waiting, yielding, Thing, 3, len, add):
            with pytest.raises(InvalidDeclaration):
                decorate(wrong)  # type: ignore[call-overload]  # pyright: ignore
