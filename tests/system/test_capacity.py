"""What can never execute where it is submitted to is said at once, and `why` never says that nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from penstock import Client
from penstock.client import UnknownPool
from penstock.client.submission import prepare, request
from penstock.compiler.loader import load_workflow
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.system.conftest import Cli, Served

Project = Callable[[str, str], Path]

FLOW = """
from penstock import operator, workflow

@operator(cpu=64)
def vast(x: int) -> int:
    return x

@operator
def small(x: int) -> int:
    return x

@workflow
def both() -> list[int]:
    return [vast(x) for x in range(3)] + [small.options(gpu=2)(1)] + [small(2)]

@workflow
def fits() -> int:
    return small(3)
"""
LATER = "the run waits there until such a worker joins"
WARNINGS = [
    f"vast and 2 more: needs cpu 64, memory 512 MiB; no worker in pool default has all of it; {LATER}",
    f"small: needs cpu 1, gpu 2, memory 512 MiB; no worker in pool default has 2 GPUs; {LATER}",
]


@pytest.fixture(scope="module")
def own_stack(make_data: Callable[[], Path]) -> Iterator[Served]:
    served = Served(make_data(), "--cpu", "1", "--gpu", "0", "--memory", "4Gi")
    try:
        served.start()
        yield served
    finally:
        served.stop()


@pytest.fixture
def flow(project: Project) -> Path:
    return project("capacity.py", FLOW)


def test_a_run_in_an_unknown_pool_is_refused(own_stack: Served, flow: Path) -> None:
    done = own_stack.cli("run", f"{flow}:fits", "--pool", "gpu-typo", "--detach")
    assert done.code == 2
    assert "error: unknown pool 'gpu-typo': choose from default, or add it to PENSTOCK_POOLS" in done.err
    with Client(own_stack.address) as client, pytest.raises(UnknownPool) as refused:
        client.submit(load_workflow(f"{flow}:fits"), pool="gpu-typo")
    assert refused.value.known == ["default"]
    assert own_stack.cli("runs", "--json").json == []


def test_a_run_that_fits_no_worker_is_submitted_with_a_warning(own_stack: Served, flow: Path) -> None:
    done = own_stack.cli("run", f"{flow}:both", "--detach", "--json")
    assert (done.code, done.json["warnings"]) == (0, WARNINGS)
    assert all(f"warning: {warning}" in done.err for warning in WARNINGS)
    assert own_stack.cli("cancel", done.json["run"]).code == 0
    with Client(own_stack.address) as client:
        again = client.submit(load_workflow(f"{flow}:both"))
        assert list(again.warnings) == WARNINGS
        client.cancel(again)


def test_a_run_that_fits_has_no_warning(own_stack: Served, flow: Path) -> None:
    done = own_stack.cli("run", f"{flow}:fits", "--json")
    assert (done.code, done.json["outputs"], done.json["warnings"]) == (0, {"result": 3}, [])
    assert "warning" not in done.err


def test_why_of_a_run_that_nobody_serves(own_stack: Served, flow: Path) -> None:
    """Another client need not ask about the pool before it submits."""
    workflow = load_workflow(f"{flow}:fits")
    with Client(own_stack.address) as client:
        client.submit(workflow)  # the plan is stored by it
        prepared = prepare(workflow, {})
        sent = request(prepared, None, ev.Caller(user="ada"), ev.RunOptions(pool="gpu-typo"))
        client._call(client._client._submitting.submit(sent))
        run = str(client.find(sent.run_id.hex()[-8:]))
    (line,) = own_stack.cli("why", run, "--json").json
    assert line["node"] == "small"
    assert "'gpu-typo', which no Action Service serves; served: default" in line["reason"]
    assert "small: waits in pool" in own_stack.cli("why", run).out
    found = own_stack.cli("doctor", "--json", "--stuck-after-s", "0").json["findings"]
    assert any(one["check"] == "stuck runs" and "gpu-typo" in one["text"] for one in found)
    assert own_stack.cli("cancel", run).code == 0


def test_workers_without_a_stack(make_data: Callable[[], Path]) -> None:
    data = make_data()
    done = Cli(data)("workers", "--json")
    assert (done.code, done.out) == (2, "")
    assert f"error: no stack is running on the data folder {data}; start one with `penstock up`" in done.err
    assert not data.exists()
