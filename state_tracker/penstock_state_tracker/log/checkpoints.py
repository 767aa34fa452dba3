"""Now and then a shard's open state is written beside its log, so that taking over need not read all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.state_tracker.v1 import service_pb2 as api
from penstock_service.database import Database

from ..errors import DamagedCheckpoint
from . import snapshot_chunks
from .shard_state import Owned

# Events between checkpoints, at least: a shard with much open state waits for as many events as it has open nodes.
CHECKPOINT_EVENTS_MIN: Final = 2_000

# What it says follows from the log, so a former owner's is as true as the owner's; only a newer one stays.
WRITE = """
WITH older AS (
    DELETE FROM checkpoints WHERE shard = $1 AND (seq < $2 OR (seq = $2 AND epoch < $3))
)
INSERT INTO checkpoints (shard, seq, epoch, chunk, data)
SELECT $1, $2, $3, chunk - 1, data FROM unnest($4::bytea[]) WITH ORDINALITY AS new (data, chunk)
ON CONFLICT DO NOTHING"""
READ = """
SELECT shard, seq, epoch, extract(epoch FROM clock_timestamp() - written_at)::float8 AS age_s, data
FROM checkpoints WHERE shard = ANY($1::int[]) ORDER BY shard, seq, epoch, chunk"""
DELETE = "DELETE FROM checkpoints WHERE shard = $1"


@dataclass(slots=True)
class Checkpoint:
    shard: int
    seq: int
    epoch: int
    # Seconds since it was written.
    age_s: float
    data: list[bytes]

    def messages(self) -> list[api.SnapshotResponse]:
        """Return what was written; raise DecodeError or DamagedCheckpoint where it is something else."""
        messages = [api.SnapshotResponse.FromString(one) for one in self.data]
        if any((one.shard, one.seq, one.epoch) != (self.shard, self.seq, self.epoch) for one in messages):
            raise DamagedCheckpoint(self.shard)
        return messages


async def write(database: Database, owned: Owned) -> None:
    """Write a shard's state as of now, once all of it is committed; raise ShardAway if it is lost meanwhile."""
    messages = await snapshot_chunks.describe_committed(owned)
    seq = messages[0].seq
    data = [message.SerializeToString() for message in messages]
    await database.execute(WRITE, owned.shard, seq, owned.epoch, data)
    owned.checkpoint_seq = seq


def is_due(owned: Owned) -> bool:
    """Whether reading the log since the last checkpoint costs more than writing one."""
    events = owned.committed - owned.checkpoint_seq
    if events < CHECKPOINT_EVENTS_MIN:
        return False
    return events > sum(run.graph.size for run in owned.core.runs.values())


async def read(database: Database, shards: Sequence[int]) -> dict[int, Checkpoint]:
    """Return the last checkpoint of each shard that has one."""
    found: dict[int, Checkpoint] = {}
    for row in await database.fetch(READ, shards):
        shard, seq, epoch = row["shard"], row["seq"], row["epoch"]
        if shard not in found or (found[shard].seq, found[shard].epoch) != (seq, epoch):
            found[shard] = Checkpoint(shard, seq, epoch, max(0.0, row["age_s"]), [])
        found[shard].data.append(row["data"])
    return found


async def delete(database: Database, shard: int) -> None:
    """Forget what cannot be used: the log has all of it."""
    await database.execute(DELETE, shard)
