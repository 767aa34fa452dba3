"""How the databases, the shards' owners, the broker and the open runs are: asked anew for every question."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from typing import Final
from urllib.parse import urlsplit

from penstock_proto.state_tracker.v1 import diagnosis_pb2 as api
from penstock_service.database import Database
from penstock_service.errors import DatabaseAway
from penstock_stream.kafka import broker
from penstock_stream.stream import Stream

from .. import measures
from ..log.shard_state import Owned
from ..ownership.owner import Owner
from .reports import Consumer

IDLE_RUNS_MAX: Final = 20
ANSWER_MAX_S: Final = 5.0
UNDECIDED_MAX: Final = 20
REASON_CHARS_MAX: Final = 500
SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit", "max_connections", "data_checksums")

HEALTH = """
SELECT current_setting('server_version') AS version, extract(epoch FROM clock_timestamp())::float8 AS now_s,
    array(SELECT name || '=' || setting FROM pg_settings WHERE name = ANY($1::text[])) AS settings"""

OWNERS = """
SELECT heads.shard, heads.seq, coalesce(leases.owner, '') AS owner, coalesce(leases.address, '') AS address
FROM heads LEFT JOIN leases ON leases.shard = heads.shard AND leases.expires_at > clock_timestamp()
ORDER BY heads.shard"""


class Diagnosis:
    """One State Tracker's view."""

    def __init__(
        self,
        instance: str,
        databases: Sequence[Database],
        owned: Mapping[int, Owned],
        stream: Stream,
        owners: Sequence[Owner],
        consumer: Consumer,
    ) -> None:
        self._instance, self._databases, self._owned, self._stream = instance, databases, owned, stream
        self._owners, self._consumer = owners, consumer

    async def make(self) -> api.DiagnoseResponse:
        """Ask everything, at the same time."""
        databases, health = await asyncio.gather(
            asyncio.gather(*(_database(database) for database in self._databases)), broker.health(self._stream)
        )
        now = time.monotonic()
        idle = nsmallest(IDLE_RUNS_MAX, measures.idle_runs(self._owned, now), key=lambda run: run.touched)
        return api.DiagnoseResponse(
            instance=self._instance,
            now_us=time.time_ns() // 1000,
            databases=databases,
            idle_runs=[
                api.IdleRun(run_id=run.run_id, plan_name=run.plan_name, idle_s=now - run.touched) for run in idle
            ],
            broker=health,
            damaged_shards=[
                api.DamagedShard(shard=shard, reason=reason[:REASON_CHARS_MAX])
                for owner in self._owners
                for shard, reason in sorted(owner.damaged.items())
            ],
            undecided_reports=[
                api.UndecidedReport(run_id=run_id, node=node, error=trouble.error[:REASON_CHARS_MAX])
                for (run_id, node, _), trouble in list(self._consumer.undecided.items())[-UNDECIDED_MAX:]
            ],
        )


async def _database(database: Database) -> api.DatabaseHealth:
    answer = api.DatabaseHealth(name=name_of(database.url))
    try:
        async with asyncio.timeout(ANSWER_MAX_S):
            began = time.time()
            row = await database.fetchrow(HEALTH, SETTINGS)
            answer.ahead_s = row["now_s"] - (began + time.time()) / 2
            answer.version = row["version"]
            answer.settings.update(dict(pair.split("=", 1) for pair in row["settings"]))
            answer.shards.extend(api.ShardOwner(**dict(row)) for row in await database.fetch(OWNERS))
    except TimeoutError:
        return api.DatabaseHealth(name=answer.name, error=f"no response within {ANSWER_MAX_S:.0f} s")
    except DatabaseAway as error:
        return api.DatabaseHealth(name=answer.name, error=str(error))
    return answer


def name_of(url: str) -> str:
    """Return host, port and name of a DSN's database, and nothing that is secret."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return f"{where}{parts.path}" if where else parts.path.lstrip("/")
