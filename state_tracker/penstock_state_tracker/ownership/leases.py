"""Who owns which shard. Leases keep owners out of each other's way; the epoch in the head row decides."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock_service.database import Database

SHARD_LEASE_S: Final = 3.0

# Raises the epoch of what it takes: from then on no commit of a former owner can succeed. Another process of the same
# name is another owner: it may still run, and only the end of its lease proves that it no longer speaks for the shard.
TAKE = """
WITH taken AS (
    INSERT INTO leases (shard, owner, incarnation, address, expires_at)
    SELECT shard, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)
    FROM unnest($1::int[]) AS wanted (shard) ORDER BY shard
    ON CONFLICT (shard) DO UPDATE
    SET owner = excluded.owner, incarnation = excluded.incarnation, address = excluded.address,
        expires_at = excluded.expires_at
    WHERE leases.incarnation = excluded.incarnation OR leases.expires_at < clock_timestamp()
    RETURNING shard
)
UPDATE heads SET epoch = heads.epoch + 1 FROM taken WHERE heads.shard = taken.shard
RETURNING heads.shard, heads.epoch, heads.seq,
    (extract(epoch FROM heads.recorded_at) * 1000000)::bigint AS recorded_at_us"""

# A shard that changed hands meanwhile has a higher epoch, whoever holds the lease now.
RENEW = """
UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $4), address = $5
FROM unnest($1::int[], $2::bigint[]) AS held (shard, epoch) JOIN heads ON heads.shard = held.shard
WHERE leases.shard = held.shard AND leases.incarnation = $3 AND heads.epoch = held.epoch
RETURNING leases.shard, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us"""

# One that arrives late, after its holder has taken the shard again, means nothing.
RELEASE = """
DELETE FROM leases USING unnest($2::int[], $3::bigint[]) AS held (shard, epoch) JOIN heads ON heads.shard = held.shard
WHERE leases.shard = held.shard AND leases.incarnation = $1 AND heads.epoch = held.epoch"""
RELEASE_ALL = "DELETE FROM leases WHERE incarnation = $1"
VACATE = "UPDATE leases SET expires_at = clock_timestamp() WHERE expires_at > clock_timestamp()"

OTHERS = """
SELECT shard, owner, incarnation, address FROM leases
WHERE incarnation <> $1 AND expires_at > clock_timestamp()"""

# Members that stopped without a word are deleted after an hour.
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
DISMISS = "UPDATE members SET expires_at = clock_timestamp() WHERE expires_at > clock_timestamp()"

INCARNATION_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Holder:
    """One process that may hold leases. Its name is for people: a replacement of the same name is another holder."""

    name: str
    incarnation: bytes = field(default_factory=lambda: os.urandom(INCARNATION_BYTES))

    @property
    def member(self) -> str:
        """The holder's key among the members."""
        return f"{self.name}/{self.incarnation.hex()}"


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard that somebody else owns."""

    member: str
    address: str


@dataclass(frozen=True, slots=True)
class Taken:
    shard: int
    epoch: int
    seq: int
    recorded_at_us: int


async def take(
    database: Database, shards: Sequence[int], holder: Holder, address: str, lease_s: float = SHARD_LEASE_S
) -> list[Taken]:
    """Take those shards that are free, whose lease has expired, or whose lease this holder has."""
    rows = await database.fetch(TAKE, shards, holder.name, holder.incarnation, address, lease_s)
    return [Taken(row["shard"], row["epoch"], row["seq"], row["recorded_at_us"]) for row in rows]


async def renew(
    database: Database, epochs: Mapping[int, int], holder: Holder, address: str, lease_s: float = SHARD_LEASE_S
) -> dict[int, int]:
    """Renew the leases of these shards, given with their epochs.

    Return those that this holder still has, each with the time by the database's clock, in microseconds of Unix time.
    """
    held = (list(epochs), list(epochs.values()))
    rows = await database.fetch(RENEW, *held, holder.incarnation, lease_s, address)
    return {row["shard"]: row["now_us"] for row in rows}


async def release(database: Database, epochs: Mapping[int, int], holder: Holder) -> None:
    """Let others take these shards, given with their epochs, at once."""
    await database.execute(RELEASE, holder.incarnation, list(epochs), list(epochs.values()))


async def others(database: Database, holder: Holder) -> dict[int, Lease]:
    """Return the lease of each shard that somebody else owns."""
    rows = await database.fetch(OTHERS, holder.incarnation)
    return {row["shard"]: Lease(Holder(row["owner"], row["incarnation"]).member, row["address"]) for row in rows}


async def meet(database: Database, holder: Holder, address: str, lease_s: float = SHARD_LEASE_S) -> int:
    """Say that this holder runs, for another `lease_s`; return how many run, itself included."""
    return 1 + await database.fetchval(MEET, holder.member, address, lease_s)


async def leave(database: Database, holder: Holder) -> None:
    """Give up all leases, and say that this holder no longer runs."""
    await database.execute(RELEASE_ALL, holder.incarnation)
    await database.execute(LEAVE, holder.member)


async def vacate(database: Database) -> None:
    """End everybody's leases. Only for a caller that holds a lock which proves that nobody else runs."""
    await database.execute(VACATE)
    await database.execute(DISMISS)
