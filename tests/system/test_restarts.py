"""A stack that is stopped in order, again and again, uses up nothing of what it runs."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from penstock import AsyncClient
from penstock.client import RunState
from penstock.compiler import loader
from penstock_proto.state_tracker.v1.events_pb2 import CAUSE_PREEMPTED
from penstock_stack.stack import Settings, Stack
from penstock_state_tracker.core import retries

FLOW = """
import time
from pathlib import Path

from penstock import operator, workflow


@operator
def train(folder: str) -> int:
    runs = Path(folder)
    (runs / str(len(list(runs.iterdir())))).touch()
    while len(list(runs.iterdir())) <= 3:
        time.sleep(0.05)
    return 7


@workflow
def long(folder: str) -> int:
    return train(folder)
"""


async def test_more_orderly_restarts_than_losses_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "LOST_MAX", 1)
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        os.chmod(folder, 0o755)
    (tmp_path / "flow.py").write_text(FLOW)
    begun = tmp_path / "begun"
    begun.mkdir()
    begun.chmod(0o777)
    run = None
    for restart in range(4):
        stack = Stack(tmp_path / "data", Settings(shards=4, cpu=1))
        await stack.start()
        async with AsyncClient(stack.address) as client:
            if run is None:
                run = await client.submit(loader.load_workflow(f"{tmp_path / 'flow.py'}:long"), folder=str(begun))
            async with asyncio.timeout(60):
                while len(list(begun.iterdir())) <= restart:
                    await asyncio.sleep(0.05)
            if restart == 3:
                assert await client.result(run, timeout_s=60) == 7
                assert (await client.get(run)).state is RunState.SUCCEEDED
                events = [event.event async for part in client.events(run) for event in part]
                causes = [event.action_failed.cause for event in events if event.HasField("action_failed")]
                assert causes == [CAUSE_PREEMPTED] * 3
        await stack.stop()
