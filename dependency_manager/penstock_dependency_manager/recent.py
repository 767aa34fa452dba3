"""The latest batches of every shard, for followers who missed some."""

from collections import deque
from collections.abc import Mapping

from penstock_proto.dependency_manager.v1.actions_pb2 import ActionBatch

from .errors import TooLongAgo

# Of all shards together; an instruction takes some 300 bytes.
KEPT_INSTRUCTIONS_MAX = 50_000
# A batch as large as this does not fit into an answer; whoever missed it takes a snapshot.
BATCH_BYTES_MAX = 3 * 2**20


class Recent:
    """What was published, until there is too much of it; the oldest goes first, of whichever shard."""

    __slots__ = ("_batches", "_floors", "_kept", "_order")

    def __init__(self) -> None:
        self._batches: dict[int, deque[ActionBatch]] = {}
        self._floors: dict[int, int] = {}
        self._order: deque[tuple[deque[ActionBatch], int]] = deque()
        self._kept = 0

    @property
    def floors(self) -> Mapping[int, int]:
        """The position of each shard after which everything is kept."""
        return self._floors

    def restart(self, shard: int, seq: int) -> None:
        """Forget a shard's batches: it was loaded from a snapshot."""
        self._batches[shard] = deque()  # the former one stays in the order, and falls out of it by and by
        self._floors[shard] = seq

    def add(self, batch: ActionBatch) -> None:
        batches = self._batches[batch.shard]
        batches.append(batch)
        size = 1 + len(batch.instructions)
        self._order.append((batches, size))
        self._kept += size
        while self._kept > KEPT_INSTRUCTIONS_MAX:
            self._drop_oldest()

    def after(self, shard: int, after_seq: int) -> list[ActionBatch]:
        """Return the batches that end after a position, the first of which may begin before it; raise TooLongAgo."""
        if after_seq < self._floors[shard]:
            raise TooLongAgo(shard, after_seq)
        batches = [batch for batch in self._batches[shard] if batch.to_seq > after_seq]
        if any(batch.ByteSize() > BATCH_BYTES_MAX for batch in batches):
            raise TooLongAgo(shard, after_seq)
        return batches

    def _drop_oldest(self) -> None:
        batches, size = self._order.popleft()
        self._kept -= size
        dropped = batches.popleft()
        if batches is self._batches[dropped.shard]:
            self._floors[dropped.shard] = dropped.to_seq
