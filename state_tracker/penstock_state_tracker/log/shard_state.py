"""A shard that this process owns: the core's state, what of it is committed, and who waits for the rest."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from penstock_proto.state_tracker.v1 import events_pb2 as ev

from ..core.shard import Shard
from ..errors import ShardAway

# Called on the loop when an event of a run was committed: the kind of the event and its position. Both 0: the shard
# was lost, and nothing more is heard of the run here.
Listener = Callable[[int, int], None]


class Owned:
    """Memory runs ahead of the log; `committed` says how far the log has come."""

    __slots__ = (
        "checkpoint_seq",
        "committed",
        "core",
        "digests",
        "epoch",
        "is_lost",
        "listeners",
        "pending",
        "recorded_at_us",
        "shard",
        "valid_until",
        "waiting",
    )

    def __init__(self, core: Shard, recorded_at_us: int, checkpoint_seq: int) -> None:
        self.core = core
        self.shard = core.shard
        self.epoch = core.epoch
        self.committed = core.seq
        self.recorded_at_us = recorded_at_us
        self.checkpoint_seq = checkpoint_seq
        # Decided, and not yet given to the committer's current batch.
        self.pending: list[ev.Event] = []
        # Of the runs submitted among the pending.
        self.digests: dict[bytes, bytes] = {}
        # Position -> who waits for its commit, in ascending order.
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.listeners: dict[bytes, list[Listener]] = {}
        self.is_lost = False
        # Of the monotonic clock: when our lease may end, and another may know more than this memory.
        self.valid_until = 0.0

    @property
    def is_valid(self) -> bool:
        """Whether this memory may speak for the shard. A process that stood still wakes up as a former owner."""
        return time.monotonic() <= self.valid_until

    def pending_commit(self) -> asyncio.Future[None] | None:
        """Return what ends when all that the core knows now is committed, with ShardAway if it never will be.

        None: it is committed already. Several share one future: shield it where a waiter may be cancelled.
        """
        seq = self.core.seq
        if seq <= self.committed:
            return None
        if not self.waiting or self.waiting[-1][0] != seq:
            self.waiting.append((seq, asyncio.get_running_loop().create_future()))
        return self.waiting[-1][1]

    async def wait_committed(self) -> None:
        """Wait until all that the core knows now is committed.

        Raises:
            ShardAway: The shard was lost meanwhile.
        """
        if self.is_lost:
            raise ShardAway(self.shard)
        future = self.pending_commit()
        if future is not None:
            await asyncio.shield(future)

    def advance(self, to_seq: int, recorded_at_us: int) -> None:
        """Note a commit and wake those who waited for it."""
        self.committed, self.recorded_at_us = to_seq, recorded_at_us
        waiting = self.waiting
        while waiting and waiting[0][0] <= to_seq:
            future = waiting.popleft()[1]
            if not future.done():
                future.set_result(None)

    def lose(self) -> None:
        """Give up: whoever waits has to ask again, here or elsewhere. Harmless when repeated."""
        self.is_lost = True
        self.pending = []
        for _, future in self.waiting:
            if not future.done():
                future.set_exception(ShardAway(self.shard))
                future.exception()  # nobody may be waiting any more
        self.waiting.clear()
        listeners, self.listeners = self.listeners, {}
        for listener in [one for of_run in listeners.values() for one in of_run]:
            listener(0, 0)

    def listen(self, run_id: bytes, listener: Listener) -> None:
        self.listeners.setdefault(run_id, []).append(listener)

    def unlisten(self, run_id: bytes, listener: Listener) -> None:
        """Harmless if it does not listen any more."""
        listeners = self.listeners.get(run_id, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self.listeners.pop(run_id, None)

    def graphs(self) -> set[bytes]:
        """Return the plans of the open runs."""
        return {run.graph.hash for run in self.core.runs.values()}
