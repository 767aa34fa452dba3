"""Empties the outbox: claims what is due, sends it, notes what became of it. Any number of processes do so at once."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import Final

from penstock_service.database import Database
from penstock_service.errors import DatabaseAway

from .. import measures
from ..core.attempts import next_due_us
from ..errors import NotDelivered, Undeliverable
from ..settings import Sending
from ..store import outbox
from ..store.outbox import DEAD, DELIVERED, WAITING, Claimed
from ..targets.posting import Refusal
from ..targets.targets import Targets

LOOK_EVERY_S: Final = 1.0
COUNT_EVERY_S: Final = 5.0
CLEAN_EVERY_S: Final = 600.0
AT_ONCE_MAX: Final = 32
AT_ONCE_OF_EACH_MAX: Final = 4
# Beyond the longest attempt, for noting what became of it.
LEASE_SPARE_S: Final = 15.0

log = logging.getLogger(__name__)


class Sender:
    """Sends until it is stopped. What is being sent then is sent again, by whoever goes on, after a lease."""

    def __init__(self, database: Database, targets: Targets, settings: Sending) -> None:
        self._database, self._targets, self._settings = database, targets, settings
        self._lease_s = settings.notify_timeout_s + LEASE_SPARE_S
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._news = asyncio.Event()
        self.figures = measures.Figures()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        count_s = clean_s = loop.time()
        try:
            while True:
                try:
                    await self._claim()
                    if loop.time() >= count_s:
                        self.figures.take(*await outbox.counts(self._database))
                        count_s = loop.time() + COUNT_EVERY_S
                    if loop.time() >= clean_s:
                        await outbox.remove_old(self._database, self._settings.notify_keep_s)
                        clean_s = loop.time() + CLEAN_EVERY_S
                except DatabaseAway as error:
                    log.warning("cannot read the outbox, retrying: %s", error)
                except Exception:
                    log.exception("cannot read the outbox, retrying")
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), LOOK_EVERY_S)
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _claim(self) -> None:
        room = AT_ONCE_MAX - len(self._tasks)
        if room < AT_ONCE_OF_EACH_MAX:
            return
        busy = [channel for channel, count in self._busy.items() if count >= AT_ONCE_OF_EACH_MAX]
        claimed = await outbox.claim(self._database, busy, list(self._tasks), self._lease_s, AT_ONCE_OF_EACH_MAX, room)
        for one in claimed:
            self._busy[one.channel.name] += 1
            task = self._tasks[one.id] = asyncio.create_task(self._try(one))
            task.add_done_callback(lambda _, one=one: self._forget(one))

    def _forget(self, one: Claimed) -> None:
        self._tasks.pop(one.id, None)
        self._busy[one.channel.name] -= 1
        if not self._busy[one.channel.name]:
            del self._busy[one.channel.name]
        self.wake()  # there may be more for this channel

    async def _try(self, one: Claimed) -> None:
        state, error, due_us = await self._attempt(one)
        measures.count(one.channel, state)
        try:
            await outbox.end(self._database, one, state, error, due_us)
        except DatabaseAway as trouble:
            log.warning("what became of %s is not noted, so it is sent again: %s", one.id, trouble)

    async def _attempt(self, one: Claimed) -> tuple[int, str, int]:
        """Return the state that follows, why, and when to try again."""
        try:
            await self._targets.send(one.channel, one.id, one.body)
        except Undeliverable as error:
            return self._bury(one, str(error))
        except NotDelivered as error:
            wait_s = error.wait_s if isinstance(error, Refusal) else 0.0
            due_us = next_due_us(one.id, one.attempts, one.now_us, one.until_us, wait_s)
            if due_us is None:
                return self._bury(one, str(error))
            log.info("message %s to the channel %s: %s; trying again", one.id, one.channel.name, error)
            return WAITING, str(error), due_us
        except Exception as error:
            log.exception("message %s to the channel %s", one.id, one.channel.name)
            due_us = next_due_us(one.id, one.attempts, one.now_us, one.until_us)
            return (WAITING if due_us else DEAD), type(error).__name__, due_us or 0
        return DELIVERED, "", 0

    def _bury(self, one: Claimed, error: str) -> tuple[int, str, int]:
        log.warning("message %s to the channel %s is given up: %s", one.id, one.channel.name, error)
        return DEAD, error, 0
