"""Runs that wait: on the command line, in the client, and through a kill and a restart of everything."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from penstock import AsyncClient
from penstock.client import NothingToAnswer, Refused, RunFailed
from penstock.compiler.loader import load_workflow

from tests.system.conftest import Cli, Served
from tests.waiting import WAIT_S, wait_for

PROMOTION = f"{Path(__file__).parents[2] / 'examples' / 'promotion.py'}:promotion"


def _waits(cli: Cli, run: str) -> str:
    """Return why a run waits, once its question is asked."""
    wait_for(lambda: "Promote this model?" in cli("why", run).out)
    return cli("why", run).out


def test_a_person_approves_on_the_command_line(cli: Cli) -> None:
    run = cli("run", PROMOTION, "--folds", "3", "--detach").out.split()[-1]
    assert f"(penstock approve {run[-12:]} approval [--deny])" in _waits(cli, run)
    assert cli("signal", run, "percent", "--value", "20").code == 0
    for words, says in (
        (("signal", run, "percent", "--value", "30"), "was received before"),
        (("signal", run, "percent", "--value", '"x"'), "was received before"),
        (("signal", run, "approval", "--value", "1"), "must be true or false"),
        (("signal", run, "nothing"), "unknown signal 'nothing'; the run has 'approval', 'percent'"),
        (("signal", run, "percent", "--value", "{"), "invalid --value '{'"),
    ):
        done = cli(*words)
        assert done.code and says in done.err, done
    assert cli("approve", run, "--comment", "fine", "--json").json == {"run": run, "name": "approval", "value": True}
    assert cli("watch", run, "--json").json["outputs"] == {"result": "promoted to 20 % of the traffic, score 0.74"}
    late = cli("approve", run, "approval")
    assert late.code and "has ended: nothing in it waits" in late.err
    assert "approval  signal (" in cli("events", run).out


async def test_a_person_denies_in_python(stack: Served) -> None:
    workflow = load_workflow(PROMOTION)
    async with AsyncClient(stack.address) as client:
        run = await client.submit(workflow)
        async with asyncio.timeout(WAIT_S):
            while not (waits := await client.waits(run)):
                await asyncio.sleep(0.05)
        assert [(wait.node, wait.kind, wait.question) for wait in waits] == [
            ("approval", "approval", "Promote this model?")
        ]
        with pytest.raises(Refused, match="signal 'percent' must be integer"):
            await client.signal(run, "percent", 0.5)
        assert await client.approve(run, denied=True, comment="not now") == "approval"
        with pytest.raises(RunFailed, match="denied it: not now"):
            await client.result(run, timeout_s=WAIT_S)
        with pytest.raises(NothingToAnswer, match="has ended"):
            await client.approve(run)


SLEEPY = """
import penstock


@penstock.operator
def add(a: int, b: int) -> int:
    return a + b


@penstock.workflow
def sleepy(seconds: penstock.Static[float]) -> int:
    with penstock.after(penstock.sleep(seconds)):
        return add(penstock.signal("a", int), penstock.signal("b", int))
"""


async def test_waits_survive_a_kill_of_everything(
    make_data: Callable[[], Path], project: Callable[[str, str], Path], tmp_path: Path
) -> None:
    workflow: Any = load_workflow(f"{project('sleepy.py', SLEEPY)}:sleepy")
    served = Served(make_data(), "--cpu", "1")
    served.start()
    run_id = uuid.uuid4()
    async with AsyncClient(served.address) as client:
        run = await client.submit(workflow, seconds=1.0, run_id=run_id)
        long = await client.submit(workflow, seconds=3_000.0)
        await client.signal(run, "b", 2)
    served.kill()
    served.start()
    try:
        async with AsyncClient(served.address) as client:
            with pytest.raises(Refused, match="was received before"):
                await client.signal(run, "b", 3)
            await client.signal(run, "a", 40)
            assert await client.result(run, timeout_s=WAIT_S) == 42
            await client.cancel(long)
            assert (await client.wait_ended(long, WAIT_S)).state
    finally:
        served.stop()
