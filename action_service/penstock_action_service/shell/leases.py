"""The leases of pools, in Postgres. Taking a lease raises its epoch, so that no grant is given twice."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from penstock_service.database import Connection, connect
from penstock_service.migrations import migrate, packaged

LEASE_S = 3.0
CALL_TIMEOUT_S = 2

# Another process of the same name is another owner: it may still run until its lease has ended.
TAKE = """
INSERT INTO penstock_action_service.pools (pool, epoch, owner, incarnation, address, expires_at)
SELECT pool, 1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)
FROM unnest($1::text[]) AS wanted (pool) ORDER BY pool
ON CONFLICT (pool) DO UPDATE
SET epoch = pools.epoch + 1, owner = excluded.owner, incarnation = excluded.incarnation, address = excluded.address,
    expires_at = excluded.expires_at
WHERE pools.incarnation = excluded.incarnation OR pools.expires_at < clock_timestamp()
RETURNING pool, epoch"""

RENEW = """
UPDATE penstock_action_service.pools
SET expires_at = clock_timestamp() + make_interval(secs => $4), address = $5
FROM unnest($1::text[], $2::bigint[]) AS held (pool, epoch)
WHERE pools.pool = held.pool AND pools.epoch = held.epoch AND pools.incarnation = $3
RETURNING pools.pool"""

RELEASE = """
UPDATE penstock_action_service.pools SET expires_at = clock_timestamp()
FROM unnest($1::text[], $2::bigint[]) AS held (pool, epoch)
WHERE pools.pool = held.pool AND pools.epoch = held.epoch AND pools.incarnation = $3"""

VACATE = "UPDATE penstock_action_service.pools SET expires_at = clock_timestamp()"

OWNERS = """
SELECT pool, address FROM penstock_action_service.pools
WHERE pool = ANY($1::text[]) AND expires_at > clock_timestamp()"""

NOTE_WORKERS = """
UPDATE penstock_action_service.pools SET workers = $3::text[] WHERE pool = $1 AND epoch = $2"""

WORKERS = "SELECT pool, workers FROM penstock_action_service.pools WHERE pool = ANY($1::text[])"


class Leases:
    """One process's leases; each call raises one of `TROUBLE` while Postgres is unavailable."""

    def __init__(self, database_url: str, owner: str, lease_s: float = LEASE_S) -> None:
        self.url, self._owner, self._lease_s = database_url, owner, lease_s
        self._incarnation = uuid4().bytes
        self._connection: Connection | None = None

    async def prepare(self, *, alone: bool = False) -> None:
        """Bring the table up to this version, once for all processes that start at the same time.

        Args:
            alone: The caller holds a lock which proves that no other Action Service of this database runs: the
                leases of those that ran before end now.
        """
        await migrate(self.url, packaged("penstock_action_service"), schema="penstock_action_service")
        if alone:
            await (await self._connect()).execute(VACATE)

    async def take(self, pools: Sequence[str], address: str) -> dict[str, int]:
        """Take those that are free or this process's; return their new epochs."""
        taking = (list(pools), self._owner, self._incarnation, address, self._lease_s)
        rows = await (await self._connect()).fetch(TAKE, *taking)
        return {row["pool"]: row["epoch"] for row in rows}

    async def renew(self, epochs: dict[str, int], address: str) -> set[str]:
        """Return those that are still this process's, for another `lease_s`."""
        held = (list(epochs), list(epochs.values()))
        rows = await (await self._connect()).fetch(RENEW, *held, self._incarnation, self._lease_s, address)
        return {row["pool"] for row in rows}

    async def release(self, epochs: dict[str, int]) -> None:
        """Let others take these at once."""
        await (await self._connect()).execute(RELEASE, list(epochs), list(epochs.values()), self._incarnation)

    async def note_workers(self, pool: str, epoch: int, workers: Sequence[str]) -> None:
        """Keep the names of the workers that are connected, for the pool's next owner."""
        await (await self._connect()).execute(NOTE_WORKERS, pool, epoch, list(workers))

    async def workers(self, pools: Sequence[str]) -> dict[str, list[str]]:
        """Return the names that were noted last."""
        rows = await (await self._connect()).fetch(WORKERS, list(pools))
        return {row["pool"]: row["workers"] for row in rows}

    async def owners(self, pools: Sequence[str]) -> dict[str, str]:
        """Return the addresses of the owners."""
        rows = await (await self._connect()).fetch(OWNERS, list(pools))
        return {row["pool"]: row["address"] for row in rows}

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connect(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self.url, connect_max_s=CALL_TIMEOUT_S, statement_max_s=CALL_TIMEOUT_S)
        return self._connection
