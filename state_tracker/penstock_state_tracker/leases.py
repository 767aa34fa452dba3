"""Who owns which shard. Leases keep owners out of each other's way; the epoch in the head row decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .database import Database

SHARD_LEASE_S: Final = 3.0

# Raises the epoch of what it takes: from then on no commit of a former owner can succeed.
TAKE = """
WITH taken AS (
    INSERT INTO leases (shard, owner, address, expires_at)
    SELECT shard, $2, $3, clock_timestamp() + make_interval(secs => $4)
    FROM unnest($1::int[]) AS wanted (shard) ORDER BY shard
    ON CONFLICT (shard) DO UPDATE
    SET owner = excluded.owner, address = excluded.address, expires_at = excluded.expires_at
    WHERE leases.owner = excluded.owner OR leases.expires_at < clock_timestamp()
    RETURNING shard
)
UPDATE heads SET epoch = heads.epoch + 1 FROM taken WHERE heads.shard = taken.shard
RETURNING heads.shard, heads.epoch, heads.seq,
    (extract(epoch FROM heads.recorded_at) * 1000000)::bigint AS recorded_at_us"""

RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $3), address = $4
WHERE owner = $1 AND shard = ANY($2::int[]) RETURNING shard"""

RELEASE = "DELETE FROM leases WHERE owner = $1 AND shard = ANY($2::int[])"

OTHERS = "SELECT shard, address FROM leases WHERE owner <> $1 AND expires_at > clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Taken:
    shard: int
    epoch: int
    seq: int
    recorded_at_us: int


async def take(
    database: Database, shards: Sequence[int], owner: str, address: str, lease_s: float = SHARD_LEASE_S
) -> list[Taken]:
    """Take those shards that are free, whose lease has expired, or that this owner had before."""
    rows = await database.fetch(TAKE, shards, owner, address, lease_s)
    return [Taken(row["shard"], row["epoch"], row["seq"], row["recorded_at_us"]) for row in rows]


async def renew(
    database: Database, shards: Sequence[int], owner: str, address: str, lease_s: float = SHARD_LEASE_S
) -> set[int]:
    """Renew the leases of these shards; return those that are still this owner's."""
    return {row["shard"] for row in await database.fetch(RENEW, owner, shards, lease_s, address)}


async def release(database: Database, shards: Sequence[int], owner: str) -> None:
    """Let others take these shards at once."""
    await database.execute(RELEASE, owner, shards)


async def others(database: Database, owner: str) -> dict[int, str]:
    """Return the address of the owner of each shard that is somebody else's."""
    return {row["shard"]: row["address"] for row in await database.fetch(OTHERS, owner)}
