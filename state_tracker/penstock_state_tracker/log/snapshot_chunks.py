"""The open runs of a shard as messages: what a follower gets, and what a checkpoint keeps."""

import time
from collections.abc import Iterable, Sequence

from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_proto.wire import pieces

from .shard_state import Owned


async def describe_committed(owned: Owned) -> list[api.SnapshotResponse]:
    """Describe a shard as of now, and wait until all of that is committed.

    Raises:
        ShardAway: The shard was lost meanwhile.
    """
    seq, epoch = owned.core.seq, owned.epoch
    runs = list(owned.core.snapshot(time.monotonic()))
    await owned.wait_committed()
    for run in runs:
        # Known only since the commit; a run that was just submitted was recorded with the last of what we saw.
        if not run.submitted_at_us:
            known = owned.core.runs.get(run.run_id)
            run.submitted_at_us = known.submitted_at_us if known is not None else owned.recorded_at_us
    return _cut(owned.shard, epoch, seq, runs)


def _cut(shard: int, epoch: int, seq: int, runs: Sequence[api.OpenRun]) -> list[api.SnapshotResponse]:
    """Put as many runs into each message as fit; a run that is larger has one of its own."""
    sizes = (run.ByteSize() for run in runs)
    return [api.SnapshotResponse(shard=shard, epoch=epoch, seq=seq, runs=runs[piece]) for piece in pieces(sizes)]


def runs(messages: Iterable[api.SnapshotResponse]) -> list[api.OpenRun]:
    """Return the runs of all messages."""
    return [run for message in messages for run in message.runs]
