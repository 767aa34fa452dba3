"""Which shards of one database this process owns: takes them, keeps them, gives them up."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from penstock_service.database import Database
from penstock_service.errors import DatabaseAway

from ..errors import ShardAway
from ..log import checkpoints
from ..log import event_log as logs
from ..log.committer import Committer
from ..log.shard_state import Owned
from ..plans import Plans
from . import leases
from .rebuild import rebuild
from .shares import may_become_free, share, too_many
from .timekeeper import Clock, Timekeeper

RENEW_EVERY_S: Final = 1.0
# A shard that was dropped is taken again soon, but not in a busy loop with whoever else wants it.
TAKE_AGAIN_AFTER_S: Final = 0.1
CHECKPOINTS_AT_ONCE_MAX: Final = 16
# A shard that could not be read is looked at again: somebody may have repaired it.
DAMAGED_AGAIN_S: Final = 60.0
# A backup that reads the log for hours may keep partitions from being made.
PARTITION_DAYS_AHEAD: Final = 14
PARTITIONS_EVERY_S: Final = 60.0
PARTITIONS_TROUBLE: Final = "cannot create the next partitions of the log now, retrying"

log = logging.getLogger(__name__)


class Owner:
    """The shards of one database.

    Args:
        leasing: The same database, by connections that nothing else uses: no load may delay a renewal.
        name: Of this process, for people.
        owned: By shard; shared with the other databases' owners.
        addresses: Of the owners of the other shards, empty where there is none; shared likewise.
    """

    def __init__(
        self,
        database: Database,
        leasing: Database,
        shards: Sequence[int],
        plans: Plans,
        name: str,
        address: str,
        owned: dict[int, Owned],
        addresses: dict[int, str],
    ) -> None:
        self.database = database
        self._leasing = leasing
        self.shards = shards
        self._plans = plans
        self.holder = leases.Holder(name)
        self.address = address
        self._owned = owned
        self.addresses = addresses
        # Taken, and their memory not yet complete: their epochs.
        self._taking: dict[int, int] = {}
        # No longer ours for callers, while what was decided is being committed: their epochs.
        self._giving: dict[int, int] = {}
        # Shards that could not be read, with the reason, and when each is tried again.
        self.damaged: dict[int, str] = {}
        self._damaged_until: dict[int, float] = {}
        # Of the monotonic clock: until when the lease of a shard is certainly ours.
        self._until: dict[int, float] = {}
        # How many of the shards may be ours.
        self._fair = len(shards)
        self._others: dict[int, str] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.committer: Committer | None = None
        self._clock = Clock()

    async def start(self, committer: Committer) -> None:
        """Take what can be had, and go on from there."""
        self.committer = committer
        await _try_step(self._make_partitions, PARTITIONS_TROUBLE)
        # Reading logs may take longer than a lease lasts.
        self._tasks = [asyncio.create_task(_every(RENEW_EVERY_S, self.renew, "cannot renew leases now, retrying"))]
        await self._take()
        await _try_step(self.renew, "cannot renew leases now, retrying")  # and learn the time at the database
        loops = (
            _every(RENEW_EVERY_S, self._share, "cannot release shards now, retrying"),
            self._keep_taking(),
            _every(PARTITIONS_EVERY_S, self._make_partitions, PARTITIONS_TROUBLE),
            _every(RENEW_EVERY_S, self._checkpoint, "cannot write checkpoints now, retrying"),
            Timekeeper(self._clock, committer, lambda: [self._owned[shard] for shard in self._mine()]).run(),
        )
        self._tasks += [asyncio.create_task(loop) for loop in loops]

    async def stop(self) -> None:
        """Write checkpoints of what was committed, and let others have the shards."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        mine = [owned for owned in map(self._owned.get, self.shards) if owned is not None]
        with suppress(DatabaseAway, ShardAway):
            for owned in mine:
                if owned.committed > owned.checkpoint_seq and owned.core.seq == owned.committed:
                    await checkpoints.write(self.database, owned)
        for owned in mine:
            owned.valid_until = float("-inf")  # from here on, another may own it
        with suppress(DatabaseAway):
            await leases.leave(self._leasing, self.holder)

    def note_lost(self, owned: Owned) -> None:
        """Note that the committer dropped a shard."""
        if self._owned.get(owned.shard) is owned:
            del self._owned[owned.shard]
            log.warning("lost shard %d at position %d", owned.shard, owned.committed)
        self._wake.set()

    async def _take(self) -> None:
        """Take what is free, up to our share."""
        self._fair = share(len(self.shards), await leases.meet(self._leasing, self.holder, self.address))
        await self._look()
        room = self._fair - len(self._mine()) - len(self._giving)
        free = [shard for shard in self.shards if shard not in self._others and self._is_free(shard)]
        if room > 0 and free:
            random.shuffle(free)  # several that start at the same time do not want the same ones
            await self._take_these(free[:room])
            await self._look()

    async def _take_these(self, shards: Sequence[int]) -> None:
        until = _lease_until()
        taken = await leases.take(self._leasing, shards, self.holder, self.address)
        self._until.update((one.shard, until) for one in taken)
        self._taking = {one.shard: one.epoch for one in taken}
        try:
            rebuilt = await rebuild(self.database, self._plans, taken)
        finally:
            self._taking = {}
        for owned in rebuilt.owned:
            owned.valid_until = self._until[owned.shard]
            self._owned[owned.shard] = owned
            self.damaged.pop(owned.shard, None)
        self.damaged |= rebuilt.damaged
        self._damaged_until.update(dict.fromkeys(rebuilt.damaged, time.monotonic() + DAMAGED_AGAIN_S))
        if taken:
            log.info("took over %d shards, of a share of %d", len(rebuilt.owned), self._fair)

    async def _look(self) -> None:
        """See who owns the others."""
        others = await leases.others(self._leasing, self.holder)
        self._others = {shard: lease.member for shard, lease in others.items()}
        for shard in self.shards:
            address = others[shard].address if shard in others else ""
            # A former process at this address, whose lease has not ended yet: nobody can be asked.
            self.addresses[shard] = "" if address == self.address else address

    def _mine(self) -> list[int]:
        return [shard for shard in self.shards if shard in self._owned]

    def _is_free(self, shard: int) -> bool:
        if self._damaged_until.get(shard, 0.0) > time.monotonic():
            return False
        return shard not in self._owned and shard not in self._giving

    async def _keep_taking(self) -> None:
        while True:
            hungry = len(self._mine()) < self._fair and may_become_free(self.shards, self._seen(), self._fair)
            with suppress(TimeoutError):
                # Python 3.11's wait_for loses a cancellation that comes together with what it waits for.
                async with asyncio.timeout(TAKE_AGAIN_AFTER_S if hungry else RENEW_EVERY_S):
                    await self._wake.wait()
            await asyncio.sleep(TAKE_AGAIN_AFTER_S)
            self._wake.clear()
            await _try_step(self._take, "cannot take over shards now, retrying")

    def _seen(self) -> dict[int, str]:
        """Return the owner of each shard that cannot be taken."""
        nobody = dict.fromkeys(self.damaged.keys() | self._giving.keys(), "")
        return nobody | self._others | dict.fromkeys(self._mine(), self.holder.member)

    async def renew(self) -> None:
        """Renew all leases; drop the shards whose leases are lost."""
        # While the database is away nobody renews, and after the lease nobody is answered from memory any more.
        mine = [self._owned[shard] for shard in self._mine()]
        held = self._taking | self._giving | {owned.shard: owned.epoch for owned in mine}
        until, asked = _lease_until(), time.monotonic()
        kept = await leases.renew(self._leasing, held, self.holder, self.address)
        for now_us in list(kept.values())[:1]:
            self._clock.note(now_us, asked, time.monotonic())
        self._until.update(dict.fromkeys(kept, until))
        for owned in mine:
            if self._owned.get(owned.shard) is not owned:
                continue
            if owned.shard in kept:
                owned.valid_until = until
            elif self.committer is not None:
                self.committer.drop(owned)

    async def _share(self) -> None:
        """Give up what is more than our share, one shard after the other: each is away for a moment only."""
        given = 0
        for owned in too_many((self._owned[shard] for shard in self._mine()), self._fair):
            if self._owned.get(owned.shard) is owned:
                await self._give_up(owned)
                given += 1
        if given:
            log.info("released %d shards, to keep a share of %d", given, self._fair)

    async def _give_up(self, owned: Owned) -> None:
        """Let another have a shard, once all that was decided here is recorded."""
        shard = owned.shard
        self._giving[shard] = owned.epoch
        del self._owned[shard]
        try:
            with suppress(ShardAway):
                await owned.wait_committed()
                if owned.committed > owned.checkpoint_seq:
                    await checkpoints.write(self.database, owned)
                await leases.release(self._leasing, {shard: owned.epoch}, self.holder)
        finally:
            self._giving.pop(shard, None)
            if self.committer is not None:
                self.committer.drop(owned)

    async def _checkpoint(self) -> None:
        due = [owned for shard in self.shards if (owned := self._owned.get(shard)) and checkpoints.is_due(owned)]
        for owned in due[:CHECKPOINTS_AT_ONCE_MAX]:
            with suppress(ShardAway):
                await checkpoints.write(self.database, owned)

    async def _make_partitions(self) -> None:
        # Without it, rows go into the default partition.
        await logs.make_partitions(self.database, PARTITION_DAYS_AHEAD)


def _lease_until() -> float:
    """Return when a lease that is asked for now ends, at the earliest."""
    return time.monotonic() + leases.SHARD_LEASE_S


async def _every(seconds: float, step: Callable[[], Awaitable[None]], trouble: str) -> None:
    while True:
        await asyncio.sleep(seconds)
        await _try_step(step, trouble)


async def _try_step(step: Callable[[], Awaitable[None]], trouble: str) -> None:
    """Take a step that will be taken again."""
    try:
        await step()
    except DatabaseAway as error:
        log.warning("%s: %s", trouble, error)
    except Exception:
        log.exception("%s", trouble)
