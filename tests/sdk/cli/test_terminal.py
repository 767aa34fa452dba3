"""What goes to the terminal cannot steer it, and fits."""

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.cli.output_texts import printed
from penstock.cli.terminal import clean, clean_lines, json_out, seconds
from penstock.cli.timeline import timeline
from penstock.client.view import Attempt, NodeState, RunView
from penstock_plan.show.sizes import size
from penstock_proto.plan.v1 import plan_pb2
from rich.cells import cell_len


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb\nc", "a\\rb\\nc"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft", "right\\u202eleft"),
        ("tab\tstays, ünï 漢字", "tab\tstays, ünï 漢字"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_nothing_that_is_printed_can_steer_the_terminal(text: str) -> None:
    shown = clean(text)
    assert not any((ord(char) < 32 and char != "\t") or 127 <= ord(char) < 160 for char in shown)
    assert clean_lines(text).count("\n") == text.count("\n")


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_the_same_value_and_cannot_steer_the_terminal(value: dict[str, str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        json_out(value)
    text = printed.getvalue().removesuffix("\n")
    assert json.loads(text) == value
    assert clean(text) == text


@pytest.mark.parametrize("numbers", [{"a": "x"}, {"a": None}, [1], "x", {}])
def test_an_output_that_looks_like_metrics_and_is_none_is_shown_as_it_is(numbers: object) -> None:
    label, *lines = printed({"result": {"numbers": numbers}}, "0" * 32)
    assert label == ""
    assert [str(each) for each in lines] == [f"result: {json.dumps({'numbers': numbers})}"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000123, "0.0123 ms"),
        (0.25, "250 ms"),
        (1.5, "1.5 s"),
        (59.96, "60.0 s"),
        (125, "2 min 05 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert seconds(value) == text


def test_sizes() -> None:
    assert [size(10), size(1536), size(1000 << 20), size(3 << 30), size(5 << 40)] == [
        "10 B",
        "1.5 KiB",
        "1000 MiB",
        "3 GiB",
        "5 TiB",
    ]


def view_of(*spans: tuple[str, int, int]) -> RunView:
    view = RunView(plan_pb2.Plan(nodes=[plan_pb2.Node(name=name) for name, _, _ in spans]))
    for node, (_, start_us, end_us) in zip(view.nodes, spans, strict=True):
        node.state = NodeState.SUCCEEDED
        node.attempts.append(Attempt(1, node.state, "w", start_us, end_us, end_us - start_us))
    view.submitted_at_us = min(start_us for _, start_us, _ in spans)
    return view


def test_bars_lie_where_the_nodes_ran() -> None:
    first, second, _ = timeline(view_of(("a", 1_000_000, 2_000_000), ("bb", 2_000_000, 3_000_000)), 60)
    assert first.index("━") < second.index("━")
    assert abs(first.count("━") - second.count("━")) <= 1
    assert first.endswith("1.0 s")


def test_wide_letters_leave_the_bars_below_each_other() -> None:
    lines = timeline(view_of(("поезд 🚂", 1_000_000, 2_000_000), ("漢字" * 20, 1_000_000, 2_000_000)), 60)[:2]
    assert [cell_len(line) for line in lines] == [60, 60]
    assert len({cell_len(line[: line.index("━")]) for line in lines}) == 1


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(1, 10**9), st.integers(0, 10**9)), min_size=1, max_size=80),
    st.integers(20, 200),
)
def test_any_run_has_a_timeline(spans: list[tuple[str, int, int]], width: int) -> None:
    lines = timeline(view_of(*((name, start, start + took) for name, start, took in spans)), width)
    assert len(lines) == min(len(spans), 61) + 1 if len(spans) > 60 else len(lines) == len(spans) + 1
    assert all("\n" not in line for line in lines)
    assert all("━" in line for line in lines[: min(len(spans), 60)])
