"""Workers for tests, which end with them."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from penstock_executors.process import ProcessExecutor

from tests.executors.harness import Worker


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="penstock-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def worker(folder: Path) -> Any:
    """Makes workers: `await worker(source)`; each ends with the test."""
    async with AsyncExitStack() as stack:

        async def make(source: str, *, grace_s: float = 5.0, cores: float = 2, gpus: Sequence[str] = ()) -> Worker:
            executor = ProcessExecutor(cpu_milli=int(cores * 1000), memory_bytes=1 << 34, gpus=gpus)
            return await stack.enter_async_context(Worker(folder, source, executor, grace_s))

        yield make
