"""A worker as a process of its own, over real gRPC, against a whole stack without workers."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from penstock import AsyncClient
from penstock.client import Run
from penstock.compiler import loader
from penstock_proto.state_tracker.v1.events_pb2 import ActionFailed, Cause
from penstock_stack.stack import Settings, Stack

from tests.waiting import WAIT_S

PROGRAM = """
import os, time
from pathlib import Path
from penstock import operator, workflow

TRIALS = int(os.environ.get("TRIALS", "250"))

@operator
def make(n: int) -> bytes:
    print("making", n)
    return b"x" * n

@operator
def size(data: bytes) -> int:
    return len(data)

@operator(labels={"zone": "b"})
def elsewhere(x: int) -> int:
    return x

@operator
def slow(mark: str, seconds: float) -> int:
    Path(mark).write_text(str(os.getpid()))
    time.sleep(seconds)
    return 7

@operator
def metrics(trial: int) -> dict[str, float]:
    return {f"metric_{number}_of_a_trial_that_says_much": trial / (number + 1) for number in range(16)}

@operator
def best(results: list[dict[str, float]]) -> int:
    return len(results)

@workflow
def sweep() -> int:
    return best([metrics(trial) for trial in range(TRIALS)])

@workflow
def large(n: int = 100_000) -> int:
    return size(make(n))

@workflow
def labelled() -> int:
    return elsewhere(3)

@workflow
def lasting(mark: str, seconds: float = 1.0) -> int:
    return slow(mark, seconds)
"""


def opened(tmp_path: Path) -> None:
    """Let the database's user reach the folder, and put the program there."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):  # everybody's, and open already
            break
        parent.chmod(0o755)
    (tmp_path / "program.py").write_text(PROGRAM)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    opened(tmp_path)
    stack = Stack(tmp_path / "data", Settings(workers=False, shards=4))
    await stack.start()
    yield stack
    await stack.stop()


@asynccontextmanager
async def worker(stack: Stack, folder: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `penstock worker`; end it, and check that it ended well, unless the test has ended it."""
    command = [str(Path(sys.executable).with_name("penstock")), "worker", "--connect", stack.address, "--cpu", "1"]
    process = await asyncio.create_subprocess_exec(*command, "--folder", str(folder), *options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                assert await process.wait() == 0


async def started(mark: Path) -> int:
    """Return the process id that the operator wrote once it ran."""
    async with asyncio.timeout(WAIT_S):
        while not mark.exists() or not mark.read_text():
            await asyncio.sleep(0.02)
    return int(mark.read_text())


def load(tmp_path: Path, name: str) -> loader.Workflow:
    return loader.load_workflow(f"{tmp_path / 'program.py'}:{name}")


async def test_values_and_output_travel_by_grpc_alone(stack: Stack, tmp_path: Path) -> None:
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "w"):
        run = await client.submit(load(tmp_path, "large"))
        assert await client.result(run, timeout_s=WAIT_S) == 100_000
        assert (tmp_path / "w" / "artifacts").is_dir()
        async with asyncio.timeout(WAIT_S):
            while not [line async for line in client.logs(run)]:
                await asyncio.sleep(0.1)
        assert [line.text async for line in client.logs(run)] == ["making 100000"]


@pytest.mark.parametrize("trials", [250, 3_000])
async def test_the_join_of_a_sweep(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int) -> None:
    monkeypatch.setenv("TRIALS", str(trials))
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "w"):
        run = await client.submit(load(tmp_path, "sweep"))
        assert await client.result(run, timeout_s=120) == trials


async def test_an_action_goes_to_the_worker_that_carries_its_labels(stack: Stack, tmp_path: Path) -> None:
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "a", "--name", "a"):
        run = await client.submit(load(tmp_path, "labelled"))
        async with asyncio.timeout(WAIT_S):
            while not any("zone" in text for _, text in await client.why(run)):
                await asyncio.sleep(0.1)
        async with worker(stack, tmp_path / "b", "--name", "b", "--label", "zone=b"):
            assert await client.result(run, timeout_s=WAIT_S) == 3


async def test_a_worker_that_is_told_to_stop_ends_what_it_runs(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "w") as process:
        run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=1.0)
        await started(mark)
        process.send_signal(signal.SIGTERM)
        assert await client.result(run, timeout_s=WAIT_S) == 7
        async with asyncio.timeout(WAIT_S):
            assert await process.wait() == 0


async def test_a_second_signal_ends_a_draining_worker_at_once(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "w") as process:
        run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=300.0)
        operator = await started(mark)
        process.send_signal(signal.SIGINT)
        with pytest.raises(TimeoutError):  # it drains
            await asyncio.wait_for(process.wait(), 1.0)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(WAIT_S):
            assert await process.wait() == 0
        assert not Path(f"/proc/{operator}").exists()
        # It was told at once, not a lease later, and uses up nothing.
        async for failed in failures(client, run):
            assert failed.cause == Cause.CAUSE_PREEMPTED and failed.HasField("retry_delay_s")
            break
        await client.cancel(run)


async def test_what_a_drain_leaves_over_is_given_up_and_runs_elsewhere(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client:
        options = ("--name", "w", "--drain-s", "0.5")
        async with worker(stack, tmp_path / "w", *options) as process:
            run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=3.0)
            operator = await started(mark)
            mark.unlink()
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() == 0
        assert not Path(f"/proc/{operator}").exists()
        async with worker(stack, tmp_path / "x", "--name", "x"):
            assert await client.result(run, timeout_s=60) == 7
        assert [failed.cause async for failed in failures(client, run)] == [Cause.CAUSE_PREEMPTED]


async def failures(client: AsyncClient, run: Run) -> AsyncIterator[ActionFailed]:
    """Yield the attempts that failed, as they are recorded, until the run has ended."""
    async with aclosing(client.events(run)) as batches:
        async for batch in batches:
            for recorded in batch:
                if recorded.event.HasField("action_failed"):
                    yield recorded.event.action_failed


async def test_a_worker_that_is_killed_loses_its_actions_to_another(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client:
        async with worker(stack, tmp_path / "w", "--name", "w") as process:
            run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=0.5)
            await started(mark)
            process.kill()
            await process.wait()
        async with worker(stack, tmp_path / "x", "--name", "x"):
            assert await client.result(run, timeout_s=WAIT_S) == 7


async def test_a_frozen_worker_that_wakes_late_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "w") as process:
        run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=0.5)
        operator = await started(mark)
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(operator, signal.SIGSTOP)
        async with worker(stack, tmp_path / "x", "--name", "x"):
            assert await client.result(run, timeout_s=WAIT_S) == 7
            os.kill(operator, signal.SIGCONT)
            os.kill(process.pid, signal.SIGCONT)
            later = await client.submit(load(tmp_path, "large"), n=5)
            assert await client.result(later, timeout_s=WAIT_S) == 5
        kinds = [event.event.WhichOneof("kind") async for part in client.events(run) for event in part]
        assert kinds.count("action_succeeded") == 1
