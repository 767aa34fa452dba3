"""`penstock doctor` of real stacks: healthy, with nobody to work, and not there at all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

FLOW = """
from penstock import operator, workflow

@operator
def one(n: int) -> int:
    return n

@workflow
def flow(n: int = 1) -> int:
    return one(n)
"""


def of_severity(answer: Any, severity: str) -> dict[str, str]:
    return {each["check"]: each["text"] for each in answer["findings"] if each["severity"] == severity}


@pytest.fixture(scope="module")
def idle_stack(make_data: Callable[[], Path]) -> Iterator[Served]:
    """A stack with a broker, and no worker."""
    served = Served(make_data(), "--kafka", "--no-workers")
    try:
        served.start()
        yield served
    finally:
        served.stop()


def test_a_healthy_stack_passes(cli: Cli) -> None:
    done = cli("doctor", "--json", "--stuck-after-s", "3600")
    answer = done.json
    assert done.code == 0
    assert answer["healthy"]
    passed = of_severity(answer, "ok")
    assert passed.keys() >= {"services", "databases", "shards", "clocks", "artifacts", "workers", "queues", "lag"}
    assert "4 shards, each with one owner" in passed["shards"]
    assert "durable" in passed["databases"]
    assert all(each["remedy"] for each in answer["findings"] if each["severity"] != "ok")


def test_a_queue_that_nobody_works_on_is_found_with_its_run(
    idle_stack: Served, project: Callable[[str, str], Path]
) -> None:
    submitted = idle_stack.cli.start("run", f"{project('waits.py', FLOW)}:flow", stdout=DEVNULL, stderr=DEVNULL)
    try:
        wait_for(lambda: idle_stack.cli("runs", "--json").json)
        run = idle_stack.cli("runs", "--json").json[0]["run"]
        done = wait_for(
            lambda: found if (found := idle_stack.cli("doctor", "--json", "--stuck-after-s", "0")).code else None
        )
    finally:
        submitted.kill()
        submitted.wait()
    assert done.code == 1
    assert not done.json["healthy"]
    assert of_severity(done.json, "error") == {"queues": "1 actions wait in pool default, which has no worker"}
    stuck = of_severity(done.json, "warning")["stuck runs"]
    assert run in stuck
    assert "one pool default has no worker" in stuck
    assert "4 topics, 16 partitions" in of_severity(done.json, "ok")["broker"]
    shown = idle_stack.cli("doctor", "--stuck-after-s", "0")
    assert "penstock worker --pool default" in shown.out


def test_a_stack_that_is_not_there_is_an_error_and_is_not_started(tmp_path: Path) -> None:
    done = Cli(tmp_path)("doctor", "--json", "--address", "127.0.0.1:1")
    assert done.code == 1
    assert "127.0.0.1:1 does not respond" in of_severity(done.json, "error")["services"]
