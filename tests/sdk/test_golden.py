"""Golden plans in tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from penstock import operator, testing, workflow
from penstock.errors import BadGolden, GoldenDiffers

from tests.sdk.class_programs import Pipeline
from tests.sdk.programs import load, total


@workflow
def flow(count: int = 3) -> int:
    return total.options(retries=2)(load(count))


@workflow
def other(count: int = 3) -> int:
    return total(load(count=5))


def test_what_is_not_there_is_written_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = tmp_path / "flow.json"
    with pytest.raises(
        GoldenDiffers, match=r"golden plan .*flow\.json does not exist; PENSTOCK_UPDATE_GOLDEN=1 writes it"
    ):
        testing.assert_golden(flow, golden)
    monkeypatch.setenv("PENSTOCK_UPDATE_GOLDEN", "1")
    testing.assert_golden(flow, golden)
    first = golden.read_text()
    monkeypatch.delenv("PENSTOCK_UPDATE_GOLDEN")
    testing.assert_golden(flow, golden, code=True)
    shown = json.loads(first)
    assert shown["nodes"] == {
        "load": {"operator": "tests.sdk.programs:load", "arguments": {"count": {"input": "count"}}},
        "total": {
            "operator": "tests.sdk.programs:total",
            "arguments": {"rows": {"node": "load", "output": "result"}},
            "options": {"retries": 2},
        },
    }
    testing.assert_golden(flow, str(golden), update=True)
    assert golden.read_text() == first


def test_what_differs_is_said_and_can_be_accepted(tmp_path: Path) -> None:
    golden = tmp_path / "flow.json"
    testing.assert_golden(flow, golden, update=True)
    with pytest.raises(GoldenDiffers) as caught:
        testing.assert_golden(other, golden)
    assert str(caught.value).splitlines() == [
        f"the plan of tests.sdk.test_golden:other differs from {golden}:",
        "  workflow tests.sdk.test_golden:flow renamed to tests.sdk.test_golden:other",
        "  node load: count is now 5, was input count",
        "  node total: retries is now 0, was 2",
        "if this is intended, PENSTOCK_UPDATE_GOLDEN=1 writes it",
    ]
    assert isinstance(caught.value, AssertionError)
    testing.assert_golden(other, golden, update=True)
    testing.assert_golden(other, golden)


def test_code_counts_on_demand(tmp_path: Path) -> None:
    def flow_with(factor: int) -> object:
        if factor == 2:

            @operator
            def scale(number: int) -> int:
                return number * 2

        else:

            @operator
            def scale(number: int) -> int:
                return number * 3

        @workflow
        def scaled(number: int) -> int:
            return scale(number)

        return scaled

    golden = tmp_path / "scaled.json"
    testing.assert_golden(flow_with(2), golden, update=True)  # type: ignore[arg-type]  # pyright: ignore
    testing.assert_golden(flow_with(3), golden)  # type: ignore[arg-type]  # pyright: ignore
    with pytest.raises(GoldenDiffers, match="scale: its code changed"):
        testing.assert_golden(flow_with(3), golden, code=True)  # type: ignore[arg-type]  # pyright: ignore


def test_classes_have_golden_plans_too(tmp_path: Path) -> None:
    testing.assert_golden(Pipeline, tmp_path / "pipeline.json", update=True)
    testing.assert_golden(Pipeline, tmp_path / "pipeline.json", code=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not a golden plan: Invalid JSON"),
        ("[]", "is not a golden plan"),
        ('{"outline": 1}', "is not a golden plan: workflow: Field required"),
        ('{"outline": 1, "workflow": "a:b", "nodes": {"x": 3}}', r"is not a golden plan: nodes\.x"),
        ('{"outline": 2, "workflow": "a:b"}', "was written by a newer Penstock"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    golden = tmp_path / "flow.json"
    golden.write_text(text)
    with pytest.raises(BadGolden, match=said):
        testing.assert_golden(flow, golden)
