"""Saying why a run waits ends with the run, also where news and the end come together."""

import asyncio
import uuid
from typing import Any, cast

from penstock.cli import reasons

from tests.waiting import WAIT_S


async def test_news_right_before_the_end_does_not_keep_it_going() -> None:
    nobody = cast(Any, None)  # is not asked within the time that a run may be quiet
    async with asyncio.timeout(WAIT_S):
        for _ in range(100):
            async with reasons.show_reasons(nobody, uuid.uuid4()) as quiet:
                await asyncio.sleep(0)
                quiet.note_news()
