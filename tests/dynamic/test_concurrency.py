"""At most so many items of a map are open at the same time, whatever fails and whoever restarts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import operator, testing, workflow
from penstock_dependency_manager.item_limit import ItemLimit
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.dynamic.cores import CoreRun


@operator
def items(n: int) -> list[int]:
    return list(range(n))


@operator
def add(x: int, y: int = 1) -> int:
    return x + y


@operator
def picky(x: int) -> int:
    if x % 4 == 3:
        raise ValueError(x)
    return x


@operator
def total(xs: list[int]) -> int:
    return sum(xs)


@workflow
def row(x: int) -> int:
    return add(total(add.map(items(picky(x)), concurrency=3)), picky(x))


@workflow
def flat(n: int) -> int:
    return total(add.map(picky.map(items(n), on_item_failure="skip", concurrency=2), y=total(items(n))))


@workflow
def nested(n: int) -> int:
    return total(row.map(items(n), on_item_failure="skip", concurrency=2))


@workflow
def strict(n: int) -> int:
    return total(row.map(items(n), concurrency=2))


def open_items(run: CoreRun) -> dict[str, set[str]]:
    """The items of which something may run, by the map and the item around it."""
    found: dict[str, set[str]] = {}
    for name in run.names(run.starts):
        numbers = re.findall(r"\[(\d+)\]", name)
        for depth, number in enumerate(numbers):
            found.setdefault(str(numbers[:depth]), set()).add(number)
    return found


@pytest.mark.parametrize(("flow", "n"), [(flat, 9), (nested, 7), (nested, 1), (strict, 3)])
@pytest.mark.parametrize("seed", range(5))
def test_no_more_items_are_open_than_the_map_says(tmp_path: Path, flow: Any, n: int, seed: int) -> None:
    run = CoreRun(flow, {"n": n}, seed, tmp_path)

    def look() -> None:
        for around, numbers in open_items(run).items():
            assert len(numbers) <= (2 if around == "[]" else 3)

    assert run.drive(look).state == ev.RUN_STATE_SUCCEEDED
    assert run.result() == flow(n) == testing.run(flow, n=n)


@pytest.mark.parametrize("seed", range(4))
def test_the_limit_holds_also_where_a_run_goes_on(tmp_path: Path, seed: int) -> None:
    run = CoreRun(strict, {"n": 9}, seed, tmp_path)
    for _ in range(2):
        assert run.drive(lambda: _check(run)).state == ev.RUN_STATE_FAILED
        run.reopen()
    assert run.drive(lambda: _check(run)).state == ev.RUN_STATE_FAILED


def _check(run: CoreRun) -> None:
    assert len(open_items(run).get("[]", ())) <= 2


def test_items_are_admitted_by_their_numbers() -> None:
    limit = ItemLimit(items=5, nodes=2, most=2)
    assert limit.admitted == 2
    assert [list(limit.end(item)) for item in (1, 4, 4, 1, 0, 0, 2, 2)] == [[], [], [], [2], [], [3], [], [4]]


def test_a_map_of_the_same_items_has_no_limit_of_its_own() -> None:
    @workflow
    def wrong(n: int) -> int:
        return total(add.map(picky.map(items(n)), concurrency=2))

    with pytest.raises(penstock.CompileErrors, match="its items are those of another map"):
        penstock.compile(wrong, bundle_hash=b"", local=True)
