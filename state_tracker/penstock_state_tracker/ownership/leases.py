"""Who owns which shard. Leases keep owners out of each other's way; the epoch in the head row decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock_service.database import Database

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

OTHERS = "SELECT shard, owner, address FROM leases WHERE owner <> $1 AND expires_at > clock_timestamp()"

# Names that nobody uses any more are forgotten after an hour.
MEET = """
WITH me AS (
    INSERT INTO members (owner, address, expires_at)
    VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
    ON CONFLICT (owner) DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at
), gone AS (
    DELETE FROM members WHERE owner <> $1 AND expires_at < clock_timestamp() - interval '1 hour'
)
SELECT count(*) FROM members WHERE owner <> $1 AND expires_at > clock_timestamp()"""

LEAVE = "DELETE FROM members WHERE owner = $1"


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


async def others(database: Database, owner: str) -> dict[int, tuple[str, str]]:
    """Return the name and the address of the owner of each shard that is somebody else's."""
    return {row["shard"]: (row["owner"], row["address"]) for row in await database.fetch(OTHERS, owner)}


async def meet(database: Database, owner: str, address: str, lease_s: float = SHARD_LEASE_S) -> int:
    """Say that this owner runs, for another `lease_s`; return how many run, itself included."""
    return 1 + await database.fetchval(MEET, owner, address, lease_s)


async def leave(database: Database, owner: str) -> None:
    """Say that this owner runs no more."""
    await database.execute(LEAVE, owner)
