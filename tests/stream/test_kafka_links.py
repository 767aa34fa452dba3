"""A use of the broker outlives whatever ends it, also what the client gives up without a word."""

import asyncio

import pytest
from penstock_stream.errors import CallDropped
from penstock_stream.kafka import client, stream
from penstock_stream.kafka.client import run_together, run_undropped
from penstock_stream.kafka.stream import Link

from tests.waiting import WAIT_S


async def dropped() -> None:
    """What aiokafka does to a call when its connection breaks: the future is cancelled, and nobody's task is."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def test_a_link_whose_call_was_dropped_begins_again() -> None:
    begun, going = 0, asyncio.Event()

    async def work(link: Link) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            link.is_connected = True
            await dropped()
        going.set()
        await asyncio.Event().wait()

    link = Link("work", work)
    await asyncio.wait_for(going.wait(), WAIT_S)
    assert not link.is_connected
    await link.stop()
    assert begun == 2


async def test_what_is_told_to_end_ends() -> None:
    task = asyncio.create_task(run_undropped(asyncio.Event().wait()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_dropped_call_ends_those_that_run_with_it() -> None:
    with pytest.raises(CallDropped):
        await run_together(forever(), dropped(), forever())


async def test_a_link_begins_again_though_a_call_is_dropped_while_it_gives_up_after_a_failure() -> None:
    """As when a broker is wiped: publishing fails, and closing the connection is a call that aiokafka cancels."""
    begun, going = 0, asyncio.Event()

    async def fail() -> None:
        raise OSError("the connection broke")

    async def work(_link: Link) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            try:
                await run_together(forever(), fail())
            finally:
                await dropped()
        going.set()
        await forever()

    link = Link("work", work)
    await going.wait()
    await link.stop()
    assert begun == 2


async def test_a_link_ends_although_a_cancellation_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CANCEL_AGAIN_S", 0.01)
    swallowed = 0

    async def stubborn(_link: stream.Link) -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    link = stream.Link("test", stubborn)
    await asyncio.sleep(0)
    link.restart()
    await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_S):
        await link.stop()
    assert swallowed >= 3
