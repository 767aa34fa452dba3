"""A loop that stands still is noticed, with what it did."""

import asyncio
import logging
import time

import pytest
from penstock_observability import metrics
from penstock_service.watchdog import BEAT_S, Watchdog

STALL_S = 2 * BEAT_S


def hold_the_loop() -> None:
    time.sleep(4 * STALL_S)


async def test_who_holds_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    before = metrics.LOOP_STALLS._value.get()
    watchdog = Watchdog(STALL_S)
    watchdog.start()
    with caplog.at_level(logging.WARNING, "penstock_service.watchdog"):
        await asyncio.sleep(BEAT_S)
        hold_the_loop()
        async with asyncio.timeout(30):
            while "stood still" not in caplog.text:
                await asyncio.sleep(BEAT_S)
    await watchdog.stop()
    await watchdog.stop()
    assert "hold_the_loop (test_watchdog.py" in caplog.text
    assert metrics.LOOP_STALLS._value.get() > before
