"""What becomes of items that fail: in plain Python, in tests of workflows, and by the cores, in any order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock import ItemFailure, operator, testing, workflow
from penstock.errors import InvalidDeclaration, OperatorFailed
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.dynamic.cores import CoreRun


@operator
def items(n: int) -> list[int]:
    return list(range(n))


@operator
def picky(x: int) -> int:
    if x % 3 == 2:
        raise ValueError(f"{x} is too picky")
    return x


@operator
def odd_fails(x: int) -> int:
    if x % 2:
        raise KeyError(x)
    return 2 * x


@operator
def forget(x: int) -> None:
    if x % 3 == 2:
        raise ValueError(x)


@operator
def told(results: list[int], failures: list[ItemFailure]) -> str:
    failed = [f"{each.index} {each.kind} {each.message} {each.attempts}" for each in failures]
    return f"{sum(results)}: {', '.join(failed)}"


@operator
def total(xs: list[int]) -> int:
    return sum(xs)


@operator
def count(failures: list[ItemFailure]) -> int:
    return len(failures)


@workflow
def both(x: int) -> int:
    return odd_fails(picky(x))


@workflow
def inner(x: int) -> int:
    return total(picky.map(items(x)))


@workflow
def keeping(n: int) -> str:
    kept = picky.map(items(n), on_item_failure="keep")
    return told(kept.results, kept.failures)


@workflow
def of_workflows(n: int) -> str:
    results, failures = both.map(items(n), on_item_failure="keep", success_min=0.1)
    return told(results, failures)


@workflow
def nested(n: int) -> str:
    results, failures = inner.map(items(n), on_item_failure="keep")
    return told(results, failures)


@workflow
def pipeline(n: int) -> int:
    return total(odd_fails.map(picky.map(items(n), on_item_failure="skip"), on_item_failure="skip"))


@workflow
def without_results(n: int) -> int:
    return count(forget.map(items(n), on_item_failure="keep").failures)


@workflow
def enough(n: int) -> int:
    return total(picky.map(items(n), on_item_failure="skip", success_min=0.6))


@workflow
def too_few(n: int) -> int:
    return total(picky.map(items(n), on_item_failure="skip", success_min=0.9))


@workflow
def strict(n: int) -> int:
    return total(picky.options(on_failure="continue").map(items(n), on_item_failure="fail"))


CASES: list[tuple[Any, int]] = [
    (keeping, 7),
    (keeping, 0),
    (of_workflows, 8),
    (nested, 5),
    (without_results, 8),
    (enough, 9),
]


@pytest.mark.parametrize(("flow", "n"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_what_failed_is_what_python_says(tmp_path: Path, flow: Any, n: int, seed: int) -> None:
    expected = flow(n)
    run = CoreRun(flow, {"n": n}, seed, tmp_path)
    assert (run.drive().state, run.result()) == (ev.RUN_STATE_SUCCEEDED, expected)
    assert testing.run(flow, n=n) == expected


def test_an_item_that_was_skipped_says_why(tmp_path: Path) -> None:
    assert keeping(3) == "1: 2 ValueError 2 is too picky 1"
    assert of_workflows(4) == "0: 1 KeyError 1 1, 2 ValueError 2 is too picky 1, 3 KeyError 3 1"
    run = CoreRun(pipeline, {"n": 6}, 1, tmp_path)
    assert run.drive().state == ev.RUN_STATE_SUCCEEDED and run.result() == 2 * (0 + 4)


@pytest.mark.parametrize("flow", [too_few, strict])
@pytest.mark.parametrize("seed", range(3))
def test_too_many_failures_stop_the_list(tmp_path: Path, flow: Any, seed: int) -> None:
    run = CoreRun(flow, {"n": 9}, seed, tmp_path)
    assert run.drive().state == ev.RUN_STATE_FAILED
    assert "total" not in run.names(node for node, _ in run.executed)
    with pytest.raises(OperatorFailed):
        testing.run(flow, n=9)


def test_the_least_share_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"6 of 9 items succeeded \(67%\), fewer than success_min=0.9"):
        too_few(9)


@pytest.mark.parametrize("seed", range(4))
def test_items_run_again_where_too_few_had_succeeded(tmp_path: Path, seed: int) -> None:
    run = CoreRun(too_few, {"n": 9}, seed, tmp_path)
    run.drive()
    before = len(run.executed)
    run.reopen()
    run.drive()
    assert {"picky[2]", "picky[5]", "picky[8]"} < run.names(node for node, _ in run.executed[before:])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"on_item_failure": "ignore"}, "must be one of fail, skip, keep"),
        ({"on_item_failure": "skip", "success_min": 1.5}, "share from 0 to 1"),
        ({"on_item_failure": "skip", "success_min": True}, "share from 0 to 1"),
        ({"success_min": 0.5}, "needs on_item_failure"),
        ({"concurrency": 0}, "from 1 to"),
        ({"concurrency": 2.0}, "from 1 to"),
        ({"on_item_failure": "fail", "success_min": 0.5}, "needs on_item_failure"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidDeclaration, match=text):
        picky.map([1], **options)


def test_kept_failures_have_their_type() -> None:
    @workflow
    def wrong(n: int) -> int:
        return total(picky.map(items(n), on_item_failure="keep").failures)  # type: ignore[arg-type]

    with pytest.raises(penstock.CompileErrors, match=r"expected list\[int\], given list\[ItemFailure\]"):
        penstock.compile(wrong, bundle_hash=b"", local=True)
