"""The registry's log: appended to under one lock, in the commit that also changes the tables; read by range."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from penstock_proto.registry.v1.events_pb2 import RegistryBatch, RegistryEvent
from penstock_proto.wire import MESSAGE_BYTES_MAX, pieces
from penstock_service.database import Connection, Database, Row

from .. import measures
from . import tables

# One event has a megabyte at most.
ROWS_MAX: Final = 16

# A process that stands still must not keep the lock: after this the server ends its connection.
LOCK = """
SELECT seq, set_config('idle_in_transaction_session_timeout', '10s', true) FROM penstock_registry.head FOR UPDATE"""
ADVANCE = """
UPDATE penstock_registry.head SET seq = seq + $1, recorded_at = greatest(recorded_at, clock_timestamp())
RETURNING seq"""
APPEND = """
INSERT INTO penstock_registry.events (seq, recorded_at, payload)
SELECT new.seq, head.recorded_at, payload
FROM unnest($1::bigint[], $2::bytea[]) AS new (seq, payload), penstock_registry.head"""
HEAD = "SELECT seq FROM penstock_registry.head"
READ = """
SELECT seq, (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_at_us, payload
FROM penstock_registry.events WHERE seq BETWEEN $1 AND $2 ORDER BY seq LIMIT $3"""


class Turn:
    """What one writer may do while all others wait: look, and append once."""

    def __init__(self, connection: Connection, seq: int) -> None:
        self.connection = connection
        # The end of the log.
        self.seq = seq
        self.events: Sequence[RegistryEvent] = ()

    async def append(self, events: Sequence[RegistryEvent]) -> None:
        """Append events and change the tables accordingly."""
        if not events:
            return
        first = self.seq + 1
        self.seq = await self.connection.fetchval(ADVANCE, len(events))
        payloads = [event.SerializeToString() for event in events]
        await self.connection.execute(APPEND, list(range(first, self.seq + 1)), payloads)
        await tables.apply(self.connection, first, events)
        self.events = events


class Log:
    """The log in its database.

    Args:
        writing, reading: Connections to the same database; what reads does not wait for what writes.
    """

    def __init__(self, writing: Database, reading: Database) -> None:
        self._writing, self._reading = writing, reading
        self._news = asyncio.Event()
        # The last position that this process knows of.
        self.seq = 0

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Turn]:
        """Let one writer in; it is committed at the end, and nothing of it if it raises."""
        async with self._writing.acquire() as connection:
            async with connection.transaction():
                turn = Turn(connection, await connection.fetchval(LOCK))
                yield turn
            measures.count_committed(turn.events)
        self._advance(turn.seq)

    async def head(self) -> int:
        """Return the last position; raise DatabaseAway."""
        seq = await self._reading.fetchval(HEAD)
        self._advance(seq)
        return seq

    async def wait_beyond(self, seq: int) -> None:
        """Return once the log goes on after a position: at once for own events, for others' once `head` sees them."""
        while self.seq <= seq:
            await self._news.wait()

    async def read(self, from_seq: int, to_seq: int) -> AsyncIterator[RegistryBatch]:
        """Yield a range in order, cut where it was committed apart, or where a message would be too large."""
        position = from_seq
        while position <= to_seq:
            rows = await self._reading.fetch(READ, position, to_seq, ROWS_MAX)
            if not rows:
                return
            for batch in _batches(rows):
                yield batch
            position = rows[-1]["seq"] + 1

    def _advance(self, seq: int) -> None:
        if seq > self.seq:
            self.seq = seq
            self._news.set()
            self._news = asyncio.Event()


def _batches(rows: Sequence[Row]) -> list[RegistryBatch]:
    batches: list[RegistryBatch] = []
    for piece in pieces((len(row["payload"]) for row in rows), MESSAGE_BYTES_MAX):
        for row in rows[piece]:
            at_us = row["recorded_at_us"]
            if not batches or batches[-1].recorded_at_us != at_us or row is rows[piece.start]:
                batches.append(RegistryBatch(from_seq=row["seq"], recorded_at_us=at_us))
            batches[-1].events.append(RegistryEvent.FromString(row["payload"]))
    return batches
