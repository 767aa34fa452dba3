"""Validation of the messages of a stream by the epochs that the owners of the logs reported last. No I/O."""

from enum import Enum
from typing import Generic, NamedTuple

from .position import Batch

# Messages of one shard that wait for an owner to tell of their epoch; more are dropped, and read again later.
WAITING_MAX = 16


class Verdict(Enum):
    TRUE = "true"  # as far as an epoch tells
    WAITS = "waits"
    FORGED = "forged"


class Told(NamedTuple):
    """What a shard's owner told: all that follows `seq` is written in this epoch or a later one."""

    epoch: int
    seq: int


NOTHING = Told(0, 0)


class Epochs(Generic[Batch]):
    """What was told of each shard, and messages of epochs that nobody has told of yet."""

    def __init__(self) -> None:
        self.told: dict[int, Told] = {}
        self._waiting: dict[int, list[Batch]] = {}

    def judge(self, batch: Batch, to_seq: int) -> Verdict:
        """Decide about a message; one that waits is kept, if there is room."""
        told = self.told.get(batch.shard, NOTHING)
        if batch.epoch > told.epoch:
            waiting = self._waiting.setdefault(batch.shard, [])
            if len(waiting) < WAITING_MAX:
                waiting.append(batch)
            return Verdict.WAITS
        return Verdict.FORGED if batch.epoch < told.epoch and to_seq > told.seq else Verdict.TRUE

    def waiting(self) -> dict[int, int]:
        """Return how many messages of each shard wait."""
        return {shard: len(batches) for shard, batches in self._waiting.items()}

    def tell(self, shard: int, told: Told, asked_for: int = 0) -> tuple[list[Batch], list[Batch]]:
        """Take what an owner told.

        Args:
            asked_for: Messages that waited when it was asked: of these it must know the epoch.

        Returns:
            Those that waited and are as true as an epoch can tell, and those that are forged.
        """
        told = self.told[shard] = max(told, self.told.get(shard, NOTHING))
        waiting = self._waiting.pop(shard, [])
        true = [batch for batch in waiting if batch.epoch <= told.epoch]
        later = [(index < asked_for, batch) for index, batch in enumerate(waiting) if batch.epoch > told.epoch]
        if still := [batch for asked, batch in later if not asked]:
            self._waiting[shard] = still
        return true, [batch for asked, batch in later if asked]
