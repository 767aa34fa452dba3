"""Two workers that would be one: the second has another name, or ends and says why; what the first runs goes on."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from penstock import AsyncClient
from penstock_stack.stack import Settings, Stack

from tests.executors.test_remote import load, opened, started, worker
from tests.waiting import WAIT_S


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    opened(tmp_path)
    stack = Stack(tmp_path / "data", Settings(workers=False, shards=4))
    await stack.start()
    yield stack
    await stack.stop()


async def twin(stack: Stack, home: Path, *options: str) -> tuple[int | None, str]:
    """Run a worker to its end; return its exit code and what it said."""
    command = [str(Path(sys.executable).with_name("penstock")), "worker", "--connect", stack.address, "--cpu", "1"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"PENSTOCK_HOME": str(home)},
    )
    async with asyncio.timeout(WAIT_S):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_second_worker_of_a_folder_ends_and_the_first_goes_on(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "box"):
        run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=3.0)
        await started(mark)
        code, said = await twin(stack, tmp_path, "--folder", str(tmp_path / "w"))
        assert code == 1
        assert "is in use by worker box, process " in said and "another --name or --folder" in said
        assert await client.result(run, timeout_s=WAIT_S) == 7
        assert [event async for event in attempts(client, run)] == [1]


async def test_a_second_worker_of_a_name_ends_and_the_first_goes_on(stack: Stack, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with AsyncClient(stack.address) as client, worker(stack, tmp_path / "w", "--name", "box"):
        run = await client.submit(load(tmp_path, "lasting"), mark=str(mark), seconds=12.0)
        await started(mark)
        code, said = await twin(stack, tmp_path / "elsewhere", "--name", "box")
        assert code == 1
        assert "a worker named 'box' is already connected to pool 'default': host and process " in said
        assert "start this worker with another --name" in said
        assert await client.result(run, timeout_s=WAIT_S) == 7
        assert [event async for event in attempts(client, run)] == [1]


async def attempts(client: AsyncClient, run: object) -> AsyncIterator[int]:
    """Yield the attempts that ended well."""
    async for part in client.events(run):  # type: ignore[arg-type]
        for event in part:
            if event.event.HasField("action_succeeded"):
                yield event.event.action_succeeded.attempt


async def test_workers_without_names_work_side_by_side(stack: Stack, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("penstock")), "worker", "--connect", stack.address, "--cpu", "1"]
    environment = os.environ | {"PENSTOCK_HOME": str(tmp_path / "home")}
    both = [await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(2)]
    try:
        async with AsyncClient(stack.address) as client, asyncio.timeout(WAIT_S):
            while len(names := {one.worker for one in await client.workers()}) < 2:
                assert all(process.returncode is None for process in both)
                await asyncio.sleep(0.1)
            runs = [
                await client.submit(load(tmp_path, "lasting"), mark=str(tmp_path / f"mark-{number}"), seconds=1.0)
                for number in range(2)
            ]
            assert [await client.result(run) for run in runs] == [7, 7]
            assert {one.worker for one in await client.workers()} == names
    finally:
        for process in both:
            process.terminate()
        assert [await process.wait() for process in both] == [0, 0]
