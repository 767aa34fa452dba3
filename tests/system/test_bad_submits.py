"""What a client may send that is wrong, strange or too much: a clear answer, and the services go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from penstock import Client
from penstock.client import BadInputs, PlanRefused, Refused
from penstock.client.submission import Prepared, prepare
from penstock.compiler.loader import load_workflow
from penstock_plan import plan_hash
from penstock_plan.limits import SCHEMA
from penstock_proto.plan.v1 import plan_pb2

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S

Project = Callable[[str, str], Path]

FLOW = """
    from penstock import operator, workflow


    @operator(name="поезд 🚂 مرحبا")
    def números(x: int) -> dict[str, int]:
        print("größer 日本")
        return {"ключ": x}


    @workflow
    def füße(größe: int = 3) -> dict[str, int]:
        return números(größe)


    @operator
    def echo(text: str) -> str:
        return text


    @workflow
    def echoing(text: str) -> str:
        return echo(text)


    @workflow
    def two(x: int) -> dict[str, int]:
        números(x)
        return números(x)
"""


@pytest.fixture(scope="module")
def client(stack: Served) -> Iterator[Client]:
    with Client(stack.address) as client:
        yield client
        # Whatever was sent, the same services still answer.
        assert client.list(limit=1) is not None


@pytest.fixture
def flow(project: Project) -> Path:
    return project("flow.py", FLOW)


def changed(prepared: Prepared, change: Callable[[plan_pb2.Plan], None]) -> Prepared:
    """The same submission with another plan."""
    plan = plan_pb2.Plan()
    plan.CopyFrom(prepared.plan)
    change(plan)
    data = plan.SerializeToString(deterministic=True)
    return Prepared(plan, plan_hash(data), data, prepared.plan_artifacts, prepared.inputs, prepared.input_artifacts)


def of_newer_schema(plan: plan_pb2.Plan) -> None:
    plan.schema = SCHEMA + 1


def with_an_unknown_parent(plan: plan_pb2.Plan) -> None:
    plan.nodes[1].after.append(99)


def in_a_circle(plan: plan_pb2.Plan) -> None:
    plan.nodes[0].after.append(1)
    plan.nodes[1].after.append(0)


def with_one_name_twice(plan: plan_pb2.Plan) -> None:
    plan.nodes[1].name = plan.nodes[0].name


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (of_newer_schema, "schema"),
        (with_an_unknown_parent, "99"),
        (in_a_circle, "cycle"),
        (with_one_name_twice, "'поезд 🚂 مرحبا'"),
    ],
)
def test_plans_of_another_make(client: Client, flow: Path, change: Callable[[plan_pb2.Plan], None], part: str) -> None:
    prepared = changed(prepare(load_workflow(f"{flow}:two"), {"x": 1}), change)
    with pytest.raises(PlanRefused, match="the server rejected the plan") as refused:
        client._call(client._client.submit_prepared(prepared))  # pyright: ignore[reportPrivateUsage]
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"labels": {"big": "x" * (5 << 20)}}, "the message is too large"),
        ({"labels": {str(number): "" for number in range(1000)}}, "at most 64"),
        ({"team": "t" * 10_000}, "options.team"),
    ],
)
def test_options_that_are_too_much(client: Client, flow: Path, options: dict[str, Any], part: str) -> None:
    with pytest.raises(Refused) as refused:
        client.submit(load_workflow(f"{flow}:two"), x=1, **options)
    assert part in str(refused.value)


def test_a_large_input_is_no_large_message(client: Client, flow: Path) -> None:
    text = "é" * (8 << 20)
    assert client.result(client.submit(load_workflow(f"{flow}:echoing"), text=text), timeout_s=WAIT_S) == text


def test_an_input_without_a_codec(client: Client, flow: Path) -> None:
    with pytest.raises(BadInputs, match="text"):
        client.submit(load_workflow(f"{flow}:echoing"), text=object())


def test_names_of_any_script(cli: Cli, flow: Path) -> None:
    done = cli("run", f"{flow}:füße", "--größe", "4", "--label", "цель=тест", "--json")
    assert done.code == 0, done.err
    assert done.json["workflow"] == "flow:füße" and done.json["outputs"] == {"result": {"ключ": 4}}
    assert "поезд 🚂 مرحبا  größer 日本" in cli("logs", done.json["run"]).out
    assert "flow:números" in cli("show", done.json["run"], "поезд 🚂 مرحبا").out


@pytest.mark.parametrize("words", [["--text", "\udcff"], ["--text", "a", "--label", "x=\udcff"]])
def test_bytes_that_are_no_text(cli: Cli, flow: Path, words: list[str]) -> None:
    done = cli("run", f"{flow}:echoing", *words)
    assert done.code == 2 and "it is not UTF-8" in done.err and "Traceback" not in done.err
