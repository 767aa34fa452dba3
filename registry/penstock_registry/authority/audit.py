"""Who signed in, what was refused, who changed rights: a table in parts, one a month; the oldest are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from penstock_proto.access.v1 import service_pb2 as api
from penstock_service.database import Database

KEPT_MONTHS: Final = 13
TEXT_CHARS_MAX: Final = 300
INSERT = """
INSERT INTO penstock_access.audit (at, what, subject, credential, service, action, team, detail)
SELECT least('epoch'::timestamptz + us * interval '1 microsecond', now()),
    what, subject, credential, service, action, team, detail
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    AS new (us, what, subject, credential, service, action, team, detail)"""
PARTS = """
SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'penstock_access.audit'::regclass"""
COLUMNS = (
    "(extract(epoch FROM at) * 1000000)::bigint AS at_us, id, what, subject, credential, service, action, team, detail"
)
PAGE = f"""
SELECT {COLUMNS} FROM penstock_access.audit
WHERE id < $1 AND ($2 = '' OR what = $2) AND ($3 = '' OR subject = $3) ORDER BY id DESC LIMIT $4"""
TEXTS: Final = ("what", "subject", "credential", "service", "action", "team", "detail")
NEWEST: Final = 2**62


class Audit:
    """Appends entries and reads pages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._month = ""
        self._making = asyncio.Lock()

    async def append(self, entries: Sequence[api.AuditEntry]) -> None:
        """Keep some entries. A time that is too old or yet to come becomes the present one."""
        now = datetime.now(UTC)
        await self._make_part(now)
        first_us = int(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp() * 1e6)
        times = [max(entry.at_us, first_us) for entry in entries]
        texts = [[_text(getattr(entry, name)) for entry in entries] for name in TEXTS]
        await self._database.execute(INSERT, times, *texts)

    async def page(self, request: api.AuditRequest, size: int, below: int) -> tuple[list[api.AuditEntry], str]:
        """Return entries, newest first, and the token of the next page."""
        rows = await self._database.fetch(PAGE, below, request.what, request.subject, size + 1)
        found = [api.AuditEntry(at_us=row["at_us"], **{name: row[name] for name in TEXTS}) for row in rows[:size]]
        return found, str(rows[size - 1]["id"]) if len(rows) > size else ""

    async def _make_part(self, now: datetime) -> None:
        """Make the part of this month and of the next, and drop those that are too old; once a month."""
        month = f"{now:%Y%m}"
        async with self._making:
            if month == self._month:
                return
            names = {row["name"] for row in await self._database.fetch(PARTS)}
            for offset in (0, 1):
                begin, end = _months_later(now, offset), _months_later(now, offset + 1)
                name = f"penstock_access.audit_{begin:%Y%m}"
                await self._database.execute(
                    f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF penstock_access.audit "
                    f"FOR VALUES FROM ('{begin:%Y-%m-%d} 00:00:00+00') TO ('{end:%Y-%m-%d} 00:00:00+00')"
                )
            oldest = f"penstock_access.audit_{_months_later(now, -KEPT_MONTHS):%Y%m}"
            for name in sorted(names):
                if name.startswith("penstock_access.audit_") and name < oldest:
                    await self._database.execute(f"DROP TABLE IF EXISTS {name}")
            self._month = month


def _months_later(now: datetime, months: int) -> datetime:
    number = now.year * 12 + now.month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _text(value: str) -> str:
    return value[:TEXT_CHARS_MAX].replace("\0", "")
