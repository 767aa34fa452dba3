"""What a publisher of `events` asks of the State Tracker: how far the topic is, and what it lacks."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence

from penstock_proto.state_tracker.v1.events_pb2 import EventBatch
from penstock_service.database import Database
from penstock_stream.source import RETENTION_S, Published

from ..log.shard_state import Owned
from .reader import Reader

READ = "SELECT shard, seq, topic_offset FROM published WHERE shard = ANY($1::int[])"

SAVE = """
INSERT INTO published (shard, seq, topic_offset)
SELECT shard, seq, topic_offset FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS new (shard, seq, topic_offset)
ORDER BY shard
ON CONFLICT (shard) DO UPDATE SET seq = excluded.seq, topic_offset = excluded.topic_offset, saved_at = now()"""

# One look at an index a shard and day.
OLDEST = """
SELECT shard, (
    SELECT seq FROM events
    WHERE events.shard = wanted.shard AND recorded_at >= now() - make_interval(secs => $2)
    ORDER BY seq LIMIT 1) AS first_seq, heads.seq AS head
FROM unnest($1::int[]) AS wanted (shard) JOIN heads USING (shard)"""


class PublishedSource:
    """The log as the publisher sees it: of the shards that are owned here."""

    def __init__(self, databases: Mapping[int, Database], owned: Mapping[int, Owned], reader: Reader) -> None:
        self._databases = databases  # by shard
        self._owned = owned
        self._reader = reader

    def heads(self) -> Mapping[int, int]:
        return {shard: owned.committed for shard, owned in self._owned.items()}

    async def published(self, shards: Collection[int]) -> Mapping[int, Published]:
        found: dict[int, Published] = {}
        for database, of_one in self._by_database(shards):
            for row in await database.fetch(READ, of_one):
                found[row["shard"]] = Published(row["seq"], row["topic_offset"])
        return found

    async def save_published(self, positions: Mapping[int, Published]) -> None:
        for database, shards in self._by_database(positions):
            seqs = [positions[shard].seq for shard in shards]
            await database.execute(SAVE, shards, seqs, [positions[shard].offset for shard in shards])

    async def oldest(self, shards: Collection[int]) -> Mapping[int, int]:
        found: dict[int, int] = {}
        for database, of_one in self._by_database(shards):
            for row in await database.fetch(OLDEST, of_one, RETENTION_S):
                found[row["shard"]] = row["head"] if row["first_seq"] is None else row["first_seq"] - 1
        return found

    def read(self, shard: int, after_seq: int) -> AsyncIterator[EventBatch]:
        return self._reader.read(shard, after_seq + 1, 0)

    def _by_database(self, shards: Iterable[int]) -> Sequence[tuple[Database, list[int]]]:
        places: dict[int, tuple[Database, list[int]]] = {}
        for shard in shards:
            database = self._databases[shard]
            places.setdefault(id(database), (database, []))[1].append(shard)
        return list(places.values())
