"""Workflows that wait: what the plan says of it, and how a test ends the waits."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import penstock
import pytest
from penstock import testing
from penstock.errors import CompileErrors, InvalidInputs, NotInRun, OperatorFailed
from penstock_plan.check.validation import load
from penstock_plan.errors import InvalidPlan
from penstock_proto.plan.v1 import plan_pb2 as pl


@dataclass
class Verdict:
    good: bool
    note: str = ""


@penstock.operator
def train(rows: int) -> float:
    return rows / 2


@penstock.operator
def promote(score: float, verdict: Verdict, percent: int) -> str:
    return f"{score} {verdict.note} {percent}"


@penstock.workflow
def release(rows: int) -> str:
    score = train(rows)
    with penstock.after(score):
        pause = penstock.sleep(dt.timedelta(days=1))
    with penstock.after(pause):
        monday = penstock.until(dt.datetime(2027, 1, 4, tzinfo=dt.UTC))
        approved = penstock.approval("Promote?", who="ada", timeout=60)
    with penstock.after(monday, approved):
        verdict = penstock.signal("verdict", Verdict)
        percent = penstock.signal("percent", int, timeout=5, otherwise=7)
        return promote(score, verdict, percent)


def test_the_plan_says_what_is_waited_for() -> None:
    plan = load(penstock.compile(release, bundle_hash=b"", local=True).data)
    nodes = {node.name: node for node in plan.nodes}
    assert plan.schema == 2
    assert [name for name, node in nodes.items() if node.kind == pl.NODE_KIND_WAIT] == [
        "sleep",
        "until",
        "approval",
        "verdict",
        "percent",
    ]
    assert nodes["sleep"].wait == pl.Wait(sleep_s=86_400)
    assert nodes["until"].wait == pl.Wait(until_us=1_799_020_800_000_000)
    assert nodes["approval"].wait.approval == pl.Approval(question="Promote?", who=["ada"])
    assert '"good"' in nodes["verdict"].wait.signal.schema_json
    assert (nodes["percent"].wait.timeout_s, nodes["percent"].wait.otherwise.inline) == (5, b"7")
    assert list(nodes["verdict"].after) == [2, 3]
    assert {plan.operators[node.operator].module for node in plan.nodes if node.HasField("wait")} == {"penstock"}


def test_a_plan_without_waits_keeps_its_schema() -> None:
    @penstock.workflow
    def plain(rows: int) -> float:
        return train(rows)

    assert penstock.compile(plain, bundle_hash=b"", local=True).plan.schema == 1


def test_a_test_gives_the_signals() -> None:
    given: dict[str, Any] = {"approval": True, "verdict": Verdict(True, "fine")}
    assert testing.run(release, None, given, rows=3) == "1.5 fine 7"
    assert testing.run(release, None, given | {"percent": 9}, rows=3) == "1.5 fine 9"
    for signals, error, says in (
        ({}, OperatorFailed, "waits for a signal: give it"),
        ({"approval": False}, OperatorFailed, "denied"),
        ({"approval": 1}, InvalidInputs, "'approval' must be boolean"),
        ({"approval": True, "verdict": {"good": 3}}, InvalidInputs, "'verdict' field 'good' must be boolean"),
        ({"train": 1}, InvalidInputs, "unknown signal 'train'; the workflow waits for approval, verdict, percent"),
    ):
        with pytest.raises(error, match=says):
            testing.run(release, None, signals, rows=3)


@penstock.operator
def newest(folder: str) -> str | None:
    return folder or None


@penstock.operator
def is_there(folder: str) -> bool:
    return bool(folder)


@penstock.operator
def shout(name: str, there: bool) -> str:
    return name.upper() if there else ""


@penstock.workflow
def looking(folder: str) -> str:
    name = penstock.sensor(newest, every=60, timeout=dt.timedelta(hours=6))(folder)
    there = penstock.sensor(is_there, every=0.1, timeout=0.1)(folder)
    return shout(name, there)


def test_a_sensor_has_a_result_that_is_not_none() -> None:
    plan = load(penstock.compile(looking, bundle_hash=b"", local=True).data)
    assert plan.nodes[0].wait == pl.Wait(sensor=pl.Sensor(every_s=60), timeout_s=21_600)
    assert plan.types[plan.operators[plan.nodes[0].operator].outputs[0].type].name == "str"
    assert testing.run(looking, folder="a") == looking("a") == "A"
    with pytest.raises(OperatorFailed, match="newest returned None"):
        testing.run(looking, folder="")
    with pytest.raises(TimeoutError, match="nothing was found within"):
        penstock.sensor(is_there, every=0.1, timeout=0.1)("")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: penstock.sleep(-1), "at least 0"),
        (lambda x: penstock.sensor(train, every=1)(x), "returns float.*\n.*return a bool, or a value or None"),
        (lambda x: penstock.sensor(is_there, every=0.01), "at least 0.1 s"),
        (lambda x: penstock.sensor(len, every=1), "an operator that is a function"),
        (lambda x: penstock.sleep(x), "known when the workflow is compiled, not <future: input 'x'>"),
        (lambda x: penstock.until(dt.datetime(2027, 1, 1)), "a datetime with a time zone"),
        (lambda x: penstock.signal("", int), "must be text of 1 to"),
        (lambda x: penstock.signal("n", int, timeout=1, otherwise="x"), "at the timeout does not fit"),
        (lambda x: penstock.signal("n", int, otherwise=1), "has otherwise=1, but no timeout"),
        (lambda x: penstock.approval(" "), "needs a question"),
        (lambda x: penstock.approval("?", timeout=0), "longer than 0 seconds"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(call: Any, says: str) -> None:
    def body(x: int) -> None:
        call(x)
        train(x)

    with pytest.raises(CompileErrors, match=says):
        penstock.compile(penstock.workflow(body), bundle_hash=b"", local=True)


def test_outside_a_run_nothing_comes_from_outside() -> None:
    penstock.sleep(0)
    penstock.until(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
    for call in (lambda: penstock.signal("go", int), lambda: penstock.approval("Go?")):
        with pytest.raises(NotInRun, match=r"penstock.testing.run\(workflow, signals="):
            call()


def _mutated(change: Any, workflow: Any = release) -> list[str]:
    plan = penstock.compile(workflow, bundle_hash=b"", local=True).plan
    change({node.name: node for node in plan.nodes}, plan)
    with pytest.raises(InvalidPlan) as refused:
        load(plan.SerializeToString())
    return refused.value.problems


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda nodes, plan: setattr(plan, "schema", 1), "which needs a plan of schema 2"),
        (lambda nodes, plan: nodes["sleep"].wait.Clear(), "waits for nothing"),
        (lambda nodes, plan: setattr(nodes["sleep"].wait, "sleep_s", float("nan")), "its sleep is nan seconds"),
        (lambda nodes, plan: setattr(nodes["sleep"].wait, "timeout_s", 5), "has a timeout, but it waits for a time"),
        (lambda nodes, plan: setattr(nodes["until"].wait, "until_us", -1), "waits until -1"),
        (lambda nodes, plan: setattr(nodes["percent"].wait, "timeout_s", 0), "a timeout that it does not have"),
        (lambda nodes, plan: setattr(nodes["verdict"].wait.signal, "schema_json", "["), "unreadable schema"),
        (lambda nodes, plan: setattr(nodes["verdict"], "operator", 0), "must be a built-in one"),
        (lambda nodes, plan: nodes["verdict"].arguments.add(name="x"), "waits, but has arguments"),
        (lambda nodes, plan: nodes["approval"].wait.approval.who.append("\n"), "control character"),
    ],
)
def test_plans_of_others_are_checked(change: Any, says: str) -> None:
    assert any(says in problem for problem in _mutated(change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda nodes, plan: setattr(plan, "schema", 1), "which needs a plan of schema 2"),
        (lambda nodes, plan: setattr(nodes["newest"].wait, "sleep_s", 1), "waits for something else"),
        (lambda nodes, plan: setattr(nodes["newest"].wait.sensor, "every_s", 0), "looks every 0 seconds"),
        (lambda nodes, plan: setattr(nodes["newest"].wait, "timeout_s", -1), "its timeout is -1"),
    ],
)
def test_sensors_of_others_are_checked(change: Any, says: str) -> None:
    assert any(says in problem for problem in _mutated(change, looking))
