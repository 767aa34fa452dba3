"""The client against a running stack: shapes of results, artifacts, errors, safe repetition."""

import asyncio
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from penstock import AsyncClient, Client, CompileErrors
from penstock import compile as compile_workflow
from penstock.client import (
    BadInputs,
    IdTaken,
    NoSuchRun,
    PlanRefused,
    ResultTimeout,
    RunCancelled,
    RunFailed,
    RunState,
    Unreachable,
)
from penstock.client.run_id import new_run_id
from penstock.compiler.loader import load_workflow
from penstock_stack.ports import choose_port

from tests.system.conftest import Served
from tests.waiting import WAIT_S

Project = Callable[[str, str], Path]

FLOW = """
    import time
    from dataclasses import dataclass
    from typing import Any, NamedTuple

    import numpy as np
    from pydantic import BaseModel

    from penstock import operator, workflow


    class Both(NamedTuple):
        low: float
        high: float


    class Settings(BaseModel):
        size: int = 3


    @operator
    def bounds(values: list[float]) -> Both:
        return Both(min(values), max(values))


    @operator
    def ones(settings: Settings, scale: float) -> np.ndarray:
        return np.full((settings.size, 100), scale)


    @operator
    def total(array: np.ndarray) -> float:
        return float(array.sum())


    @operator
    def nap(seconds: float) -> None:
        time.sleep(seconds)


    @workflow
    def named(values: list[float]) -> Both:
        return bounds(values)


    @workflow
    def parts(values: list[float]) -> dict[str, Any]:
        found = bounds(values)
        return {"low": found.low, "given": values, "pair": [found.low, found.high]}


    @workflow
    def array(settings: Settings = Settings(), scale: float = 1.5) -> np.ndarray:
        return ones(settings, scale)


    @workflow
    def summed(array: np.ndarray) -> float:
        return total(array)


    @workflow
    def napping(seconds: float) -> None:
        nap(seconds)


    @operator(cpu=0.1, memory=0)
    def same(x: int) -> int:
        return x


    @workflow
    def identity(x: int) -> int:
        return same(x)


    @workflow
    def empty(x: int) -> int:
        return x


    @operator
    def broken(x: int) -> int:
        return {}[x]


    @workflow
    def breaking(x: int = 1) -> int:
        return broken(x)
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], object]:
    path = tmp_path_factory.mktemp("client") / "shapes.py"
    path.write_text(textwrap.dedent(FLOW))
    return lambda name: load_workflow(f"{path}:{name}")


@pytest.fixture(scope="module")
def client(stack: Served) -> Iterator[Client]:
    with Client(stack.address, team="testers") as client:
        yield client


def test_results_have_the_shape_that_the_workflow_returns(client: Client, flow: Callable[[str], object]) -> None:
    low, high = result = client.result(client.submit(flow("named"), values=[3.0, 1.0]), timeout_s=WAIT_S)
    assert (low, high) == (1.0, 3.0)
    assert type(result).__name__ == "Both"
    run = client.submit(flow("parts"), values=[3.0, 1.0])
    assert client.result(run) == {"low": 1.0, "given": [3.0, 1.0], "pair": [1.0, 3.0]}
    assert client.result(str(run.id)) == {"low": 1.0, "given": [3.0, 1.0], "pair": [1.0, 3.0]}
    assert client.result(client.submit(flow("napping"), seconds=0.0)) is None
    assert client.result(client.submit(flow("identity"), x=3)) == 3


def test_large_values_travel_as_artifacts(client: Client, flow: Callable[[str], object]) -> None:
    found = client.result(client.submit(flow("array"), scale=2.0), timeout_s=WAIT_S)
    assert isinstance(found, np.ndarray)
    assert found.shape == (3, 100) and found.sum() == 600.0
    assert client.result(client.submit(flow("summed"), array=np.ones(1000)), timeout_s=WAIT_S) == 1000.0


def test_inputs_are_checked_before_anything_is_sent(client: Client, flow: Callable[[str], object]) -> None:
    with pytest.raises(BadInputs) as bad:
        client.submit(flow("array"), scale="big", size=3)
    assert len(bad.value.problems) == 2
    with pytest.raises(BadInputs, match="values is missing"):
        client.submit(flow("named"))
    with pytest.raises(BadInputs, match=r"expected numpy.ndarray, given module"):
        client.submit(flow("summed"), array=ModuleType("odd"))
    with pytest.raises((PlanRefused, CompileErrors), match="no nodes"):
        client.submit(flow("empty"), x=1)


def test_a_failure_has_node_cause_and_the_users_traceback(client: Client, flow: Callable[[str], object]) -> None:
    with pytest.raises(RunFailed) as failed:
        client.result(client.submit(flow("breaking")), timeout_s=WAIT_S)
    assert (failed.value.node, failed.value.cause) == ("broken", "user")
    assert "KeyError" in failed.value.message
    first = next(line for line in failed.value.traceback.splitlines() if "File" in line)
    assert "shapes.py" in first and "penstock" not in Path(first.split('"')[1]).name


def test_cancelled_and_slow_runs(client: Client, flow: Callable[[str], object]) -> None:
    run = client.submit(flow("napping"), seconds=60.0)
    with pytest.raises(ResultTimeout):
        client.result(run, timeout_s=0.05)
    client.cancel(run, "changed my mind")
    with pytest.raises(RunCancelled, match="changed my mind"):
        client.result(run, timeout_s=WAIT_S)
    assert client.get(run).state is RunState.CANCELLED
    assert client.get(run).team == "testers"


def test_the_same_id_is_the_same_run(client: Client, flow: Callable[[str], object]) -> None:
    run_id = new_run_id()
    compiled = compile_workflow(flow("named"))  # pyright: ignore[reportArgumentType]
    first = client.submit(compiled, run_id=run_id, values=[1.0])
    assert client.submit(compiled, run_id=run_id, values=[1.0]) == first
    with pytest.raises(IdTaken):
        client.submit(compiled, run_id=run_id, values=[2.0])
    assert client.result(first, timeout_s=WAIT_S) == (1.0, 1.0)


def test_watching_tells_everything_once(client: Client, flow: Callable[[str], object]) -> None:
    run = client.submit(flow("named"), values=[1.0], labels={"why": "test"})
    kinds = [event.kind for event in client.watch(run)]
    assert kinds[0] == "submitted" and kinds[-1] == "ended"
    assert kinds.count("succeeded") == 1
    assert [event.kind for event in client.watch(run)] == kinds
    assert client.get(run).labels == {"why": "test"}


def test_unknown_runs(client: Client) -> None:
    with pytest.raises(NoSuchRun):
        client.get(new_run_id())
    with pytest.raises(NoSuchRun):
        client.result(new_run_id(), timeout_s=WAIT_S)
    with pytest.raises(NoSuchRun):
        list(client.watch(new_run_id()))
    with pytest.raises(NoSuchRun):
        client.find("ffffffffffff")


async def test_many_at_once(stack: Served, flow: Callable[[str], object]) -> None:
    async with AsyncClient(stack.address) as client:
        workflow = flow("identity")

        async def one(x: int) -> object:
            return await client.result(await client.submit(workflow, x=x))

        assert await asyncio.gather(*(one(x) for x in range(1500))) == list(range(1500))
        assert len(await client.list(workflow="shapes:identity", limit=1000)) == 1000


async def test_nobody_there() -> None:
    async with AsyncClient("127.0.0.1:9") as client:
        client._connection.patience_s = 0.2  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(Unreachable, match="penstock up"):
            await client.info()


def test_another_state_tracker_is_called_while_the_first_does_not_respond(
    stack: Served, flow: Callable[[str], object]
) -> None:
    silent = [f"127.0.0.1:{choose_port(0)}" for _ in range(2)]
    with Client(",".join([silent[0], stack.address, silent[1]]), patience_s=WAIT_S) as client:
        runs = [client.submit(flow("identity"), x=number) for number in range(3)]
        assert [client.result(run, timeout_s=WAIT_S) for run in runs] == [0, 1, 2]
        assert client.address == stack.address
    with Client(",".join(silent), patience_s=0.5) as client, pytest.raises(Unreachable):
        client.submit(flow("identity"), x=1)
