"""Runs and what only they refer to are removed from a real stack; everything else stays as it was."""

import asyncio
import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from penstock import Client
from penstock.client import RunRemoved
from penstock.client.removal import expired
from penstock.client.run_id import new_run_id
from penstock.client.runs import RunInfo
from penstock.client.view import RunState
from penstock_stack.retention import Retention

from tests.system.conftest import Cli, Served
from tests.waiting import wait_for

FLOW = """
    import time
    from pathlib import Path
    import numpy as np
    from penstock import operator, workflow


    @operator
    def make(number: int) -> np.ndarray:
        print("making", number)
        return np.full(1000, float(number))


    @operator
    def total(array: np.ndarray, go: str) -> float:
        while go and not Path(go).exists():
            time.sleep(0.02)
        return float(array.sum())


    @workflow
    def summed(number: int, go: str = "") -> float:
        return total(make(number), go)
"""


@pytest.fixture(scope="module")
def served(make_data: Callable[[], Path]) -> Iterator[Served]:
    """A stack of its own: others' runs would be removed, too."""
    served = Served(make_data(), "--cpu", "2")
    served.start()
    yield served
    served.stop()


@pytest.fixture
def cli(served: Served) -> Cli:
    return served.cli


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(textwrap.dedent(FLOW))
    return tmp_path / "flow.py"


def run(cli: Cli, flow: Path, number: int) -> str:
    done = cli("run", f"{flow}:summed", "--number", str(number), "--json")
    assert done.code == 0, done.err
    return done.json["run"]


def objects(data: Path) -> list[Path]:
    return [path for path in (data / "artifacts" / "objects").rglob("*") if path.is_file()]


def age(data: Path) -> None:
    """As if everything had been stored long ago."""
    at_s = time.time() - 7 * 86400
    for path in objects(data):
        os.utime(path, (at_s, at_s))


def test_removed_runs_and_what_only_they_refer_to(cli: Cli, flow: Path, tmp_path: Path) -> None:
    first, second, shared = run(cli, flow, 1), run(cli, flow, 2), run(cli, flow, 2)
    removed = cli("runs", "rm", first[-12:], second)
    assert removed.code == 0 and removed.out == f"removed {first}\nremoved {second}\n"
    assert not (cli.data / "artifacts" / "logs" / first.replace("-", "")).exists()
    for command in (
        ("show", first),
        ("logs", first),
        ("get", first, "result"),
        ("watch", first),
        ("runs", "rm", first),
    ):
        done = cli(*command)
        assert done.code == 1 and f"run {first} was removed on 20" in done.err, command
    assert [each["run"] for each in cli("runs", "--json").json] == [shared]

    before = len(objects(cli.data))
    assert cli("gc", "--json").json["artifacts"] == 0, "what is young stays"
    age(cli.data)
    dry = cli("gc", "--dry-run", "--json").json
    assert dry["artifacts"] == 1 and dry["artifacts_bytes"] > 8000 and len(objects(cli.data)) == before
    found = cli("gc", "--json").json
    assert (found["artifacts"], found["runs"], found["kept_runs"]) == (1, [], 1)
    assert len(objects(cli.data)) == before - 1
    assert cli("get", shared, "make", str(tmp_path / "a.csv")).code == 0, (
        "its array is the same artifact as that of a removed run"
    )
    assert run(cli, flow, 2) and run(cli, flow, 1), "the code is still there, and removed values are made again"


def test_old_runs_beyond_a_number(cli: Cli, flow: Path) -> None:
    runs = [run(cli, flow, number) for number in (3, 4, 5)]
    assert cli("gc", "--older-than", "1d", "--json").json["runs"] == []
    dry = cli("gc", "--keep", "1", "--dry-run", "--json").json
    assert set(runs[:2]) <= set(dry["runs"]) and runs[2] not in dry["runs"]
    assert cli("show", runs[0]).code == 0
    found = cli("gc", "--keep", "1", "--older-than", "0s")
    assert found.code == 0 and "removed" in found.out and "1 run stay" in found.out
    assert [each["run"] for each in cli("runs", "--json").json] == [runs[2]]


def test_an_open_run_keeps_its_values(cli: Cli, served: Served, flow: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    started = cli("run", f"{flow}:summed", "--number", "9", "--go", str(go), "--detach").out.split()[1]
    wait_for(lambda: cli("get", started, "make", str(tmp_path / "make.npy")).code == 0)
    refused = cli("runs", "rm", started)
    assert refused.code == 2 and "not ended" in refused.err
    age(cli.data)
    assert started not in cli("gc", "--older-than", "0s", "--keep", "0", "--grace", "60s", "--json").json["runs"]
    served.kill()  # its argument comes from the store again
    served.start()
    go.touch()
    assert cli("watch", started, "--json").json["outputs"] == {"result": 9000.0}


def test_a_stack_that_is_killed_meanwhile_loses_nothing(cli: Cli, served: Served, flow: Path, tmp_path: Path) -> None:
    kept = run(cli, flow, 20)
    for number in range(21, 26):
        run(cli, flow, number)
    age(cli.data)
    collecting = cli.start("gc", "--keep", "2", "--json")
    assert served.process is not None
    time.sleep(0.3)
    served.process.send_signal(signal.SIGKILL)
    served.process.wait()
    collecting.communicate()
    served.start()
    listed = [each["run"] for each in cli("runs", "--json").json]
    for each in listed:
        assert cli("get", each, "make", str(tmp_path / f"{each}.npy")).code == 0
    assert cli("gc", "--keep", "1", "--json").code == 0
    assert cli("show", kept).code == 1 and len(cli("runs", "--json").json) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("gc", "--older-than", "soon"), "invalid --older-than 'soon': expected a number and one of s, m,"),
        (("gc", "--older-than", "-1d"), "invalid --older-than '-1d'"),
        (("gc", "--keep", "-1"), "greater than or equal to 0"),
        (("gc", "--grace", "1s"), "the grace period is at least 60 s"),
        (("runs", "rm"), "RUN..."),
        (("runs", "rm", "no-run"), "unknown run no-run"),
        (("up", "--retention", "never"), "invalid --retention 'never'"),
    ],
)
def test_bad_input(cli: Cli, words: tuple[str, ...], problem: str) -> None:
    done = cli(*words)
    assert done.code in (1, 2) and problem in done.err and "Traceback" not in done.err


def test_retention_and_in_python(cli: Cli, served: Served, flow: Path) -> None:
    old, new = run(cli, flow, 31), run(cli, flow, 32)
    with Client(served.address) as client:
        assert client.remove([old]) > 0
        with pytest.raises(RunRemoved, match=f"run {old} was removed on"):
            client.output(old)
        assert client.collect(dry_run=True).runs == []

    async def retain() -> None:
        retention = Retention(served.address, 0.0, first_after_s=0.0)
        try:
            async with asyncio.timeout(60):
                while (await asyncio.to_thread(cli, "runs", "--json")).json:
                    await asyncio.sleep(0.1)
        finally:
            await retention.stop()

    asyncio.run(retain())
    assert f"run {new} was removed on" in cli("show", new).err


def info(state: RunState, ended_s: float) -> RunInfo:
    return RunInfo(
        id=new_run_id(), workflow="m:w", plan_hash=b"", state=state, team="", user="", submitted_at_us=0,
        ended_at_us=round(ended_s * 1e6), nodes=1, counts={}, labels={},
    )  # fmt: skip


def test_which_runs_are_kept() -> None:
    old, middle, new = (info(RunState.SUCCEEDED, at) for at in (100, 200, 300))
    known = [info(RunState.RUNNING, 0), middle, new, old]

    def names(older_than_s: float | None, keep: int | None) -> list[RunInfo]:
        return expired(known, 400_000_000, older_than_s, keep)

    assert names(None, None) == []
    assert names(150.0, None) == [middle, old]
    assert names(None, 1) == [middle, old]
    assert names(250.0, 1) == [old]
    assert names(0.0, 0) == [new, middle, old]
    assert names(None, 7) == []
