"""Child runs, started and ended by a running stack: results, failures, cancels, retries, a kill of everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock import AsyncClient
from penstock.client import ChildRun, RunFailed, RunState
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S

FAMILY = """
import time
from pathlib import Path

from penstock import finally_, operator, workflow


@operator(cpu=0.1, memory=0)
def read(path: str, plus: int) -> int:
    return int(Path(path).read_text()) + plus


@operator(cpu=0.1, memory=0)
def text_of(number: int) -> str:
    return str(number)


@operator(cpu=0.1, memory=0)
def join(texts: list[str]) -> str:
    return " ".join(texts)


@operator(cpu=0.1, memory=0)
def hold(gate: str) -> str:
    while not Path(gate).exists():
        time.sleep(0.02)
    return "open"


@workflow
def reading(path: str, plus: int) -> dict[str, str]:
    number = read(path, plus)
    return {"one": text_of(number), "both": join([text_of(number), text_of(plus)])}


@workflow
def middle(path: str, plus: int) -> str:
    return reading.start(path, plus)["both"]


@workflow
def family(path: str) -> str:
    first = reading.options(labels={"part": "first"}, priority=3).start(path, 1)
    return join([first["one"], middle.start(path, 2)])


@operator(cpu=0.1, memory=0)
def remove(path: str) -> None:
    Path(path).unlink()


@workflow
def cleaning(path: str, gate: str) -> str:
    with finally_():
        remove(path)
    return hold(gate)


@workflow
def held(gate: str) -> str:
    return hold(gate)


@workflow
def holding(gate: str) -> str:
    return held.start(gate)
"""


@pytest.fixture
def flows(project: Callable[[str, str], Path]) -> Callable[[str], Any]:
    path = project("family.py", FAMILY)
    return lambda name: load_workflow(f"{path}:{name}")


async def test_children_are_listed_fail_and_are_retried(
    stack: Served, cli: Cli, flows: Callable[[str], Any], tmp_path: Path
) -> None:
    path = tmp_path / "number"
    path.write_text("x")
    async with AsyncClient(stack.address, team="red") as client:
        run = await client.submit(flows("family"), path=str(path), notify=[], labels={"a": "b"})
        with pytest.raises(RunFailed, match=r"child run .* failed: ValueError"):
            await client.result(run, timeout_s=WAIT_S)
        reading, middle = await client.children(run)
        assert (reading.node, reading.run.state, reading.run.team) == ("reading", RunState.FAILED, "red")
        assert dict(reading.run.labels) == {"a": "b", "part": "first"}
        below = (await client.children(middle.run))[0].run
        path.write_text("40")
        assert await client.repair.retry(run) == 3
        assert await client.result(run, timeout_s=WAIT_S) == "41 42 2"
        again = [(child.run.id, child.run.state) for child in await client.children(run)]
        assert again == [(reading.run.id, RunState.SUCCEEDED), (middle.run.id, RunState.SUCCEEDED)], "the same runs"
        assert (await client.get(below)).state is RunState.SUCCEEDED
    shown = cli("show", str(run))
    assert f"reading       {reading.run.id}  family:reading" in shown.out, shown.out
    assert f"child of {run}" in cli("show", str(reading.run.id)).out
    listed = cli("runs", "--parent", str(run), "--workflow", "family:middle", "--json").json
    assert [each["run"] for each in listed] == [str(middle.run.id)]
    as_json = cli("show", str(run), "--json").json
    assert [child["node"] for child in as_json["children"]] == ["reading", "middle"]
    assert cli("show", str(below.id), "--json").json["parent"] == str(middle.run.id)


async def child_of(client: AsyncClient, run: Any) -> ChildRun:
    """Wait for a run's child to be started."""
    until = time.monotonic() + WAIT_S
    while not (children := await client.children(run)):
        assert time.monotonic() < until, "no child was started"
    return children[0]


async def test_a_cancelled_parent_cancels_its_children(
    stack: Served, flows: Callable[[str], Any], tmp_path: Path
) -> None:
    async with AsyncClient(stack.address) as client:
        run = await client.submit(flows("holding"), gate=str(tmp_path / "gate"))
        child = await child_of(client, run)
        assert ("held", "waits for its child run") in [(node, why[:23]) for node, why in await client.why(run)]
        await client.cancel(run, "enough")
        assert (await client.wait_ended(child.run, WAIT_S)).state
        view = await client.view(child.run)
        assert view.state is RunState.CANCELLED
        assert view.cancel_reason == f"its parent, run {run}, waits for it no longer"


async def test_children_end_in_their_parents_after_a_kill_of_everything(
    make_data: Callable[[], Path], flows: Callable[[str], Any], tmp_path: Path
) -> None:
    served = Served(make_data(), "--cpu", "1")
    served.start()
    gate = tmp_path / "gate"
    async with AsyncClient(served.address) as client:
        runs = [await client.submit(flows("holding"), gate=str(gate)) for _ in range(2)]
        children = [await child_of(client, run) for run in runs]
    served.kill()
    gate.touch()
    served.start()
    try:
        async with AsyncClient(served.address) as client:
            for run, child in zip(runs, children, strict=True):
                assert await client.result(run, timeout_s=WAIT_S) == "open"
                assert [each.run.id for each in await client.children(run)] == [child.run.id]
    finally:
        served.stop()


async def test_a_cancelled_run_cleans_up(stack: Served, cli: Cli, flows: Callable[[str], Any], tmp_path: Path) -> None:
    path = tmp_path / "scratch"
    async with AsyncClient(stack.address) as client:
        for is_there in (True, False):
            if is_there:
                path.touch()
            run = await client.submit(flows("cleaning"), path=str(path), gate=str(tmp_path / "gate"))
            await client.cancel(run, "enough")
            await client.wait_ended(run, WAIT_S)
            view = await client.view(run)
            assert (view.state, path.exists()) == (RunState.CANCELLED, False)
            assert (view.failed_at_end >= 0) is not is_there
        assert cli("show", str(run), "--json").json["failed_at_end"] == "remove"
        assert "remove failed at its end" in cli("show", str(run)).out
        assert "ending" in cli("events", str(run)).out
