"""Writes the outbox: deliveries and positions in one transaction, so that nothing is lost or written twice."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_service.sole_writer import WriterLock
from penstock_stream.open_runs import Mark

from ..core import messages
from ..core.attempts import delivery_id
from ..core.rules import KIND_OF_STATE, notified
from ..core.runs import Run
from ..store import channels, outbox
from ..store.outbox import Written

LOCK_KEY: Final = 0x70656E73_6E6F74
POSITIONS = "SELECT shard, from_seq, taken_seq FROM penstock_notifications.positions"
POSITION = """
INSERT INTO penstock_notifications.positions (shard, from_seq, taken_seq)
SELECT * FROM unnest($1::integer[], $2::bigint[], $3::bigint[])
ON CONFLICT (shard) DO UPDATE SET from_seq = excluded.from_seq, taken_seq = excluded.taken_seq"""


class Writer:
    """Writes the outbox, as long as this process is the one that may."""

    def __init__(self, url: str, retry_s: float) -> None:
        self._retry_s = retry_s
        self._lock = WriterLock(url, LOCK_KEY, "penstock-notifications")

    async def acquire(self) -> dict[int, Mark] | None:
        """Try to become the one that writes; return how far the logs are taken. None: another process is.

        Raises one of `TROUBLE` while Postgres is unavailable.
        """
        if (connection := await self._lock.acquire()) is None:
            return None
        rows = await connection.fetch(POSITIONS)
        return {row["shard"]: Mark(row["from_seq"], row["taken_seq"]) for row in rows}

    def release(self) -> None:
        """Give the lock back; harmless when repeated."""
        self._lock.release()

    async def verify(self) -> None:
        """Raise NotWriter if this process may write no longer."""
        await self._lock.connection.fetchval("SELECT 1")

    async def rules(self) -> Sequence[api.Rule]:
        """Return the rules as they are now; raise NotWriter."""
        return await channels.rules(self._lock.connection)

    async def write(self, ended: Sequence[Run], marks: Mapping[int, Mark], node_name: Callable[[Run], str]) -> int:
        """Write what is to be sent of ended runs, and how far the logs are taken, all or none; return how many.

        Raises:
            NotWriter: The lock is gone: begin again with `acquire`.
        """
        connection = self._lock.connection
        async with connection.transaction():
            written = deliveries(await channels.rules(connection), ended, node_name) if ended else []
            if written:
                await outbox.add(connection, written, self._retry_s)
            if marks:
                columns = zip(
                    *((shard, one.from_seq, one.taken_seq) for shard, one in sorted(marks.items())), strict=True
                )
                await connection.execute(POSITION, *map(list, columns))
        return len(written)


def deliveries(rules: Sequence[api.Rule], ended: Sequence[Run], node_name: Callable[[Run], str]) -> list[Written]:
    """Return what is to be sent of ended runs."""
    found: list[Written] = []
    for run in ended:
        of_run = notified(rules, run)
        if not of_run:
            continue
        kind = KIND_OF_STATE[run.state]
        body = messages.body(run, kind, node_name(run))
        for channel, rule in of_run.items():
            identity = delivery_id(run.run_id, kind, channel, run.reopened_seq)
            found.append(Written(run.run_id, kind, channel, identity, rule, run.workflow, run.team, body))
    return found
