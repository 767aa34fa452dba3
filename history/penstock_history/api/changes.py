"""What became different in the lists after a position: every row that is written has the next number."""

from typing import Any

from penstock_access import calling
from penstock_proto.history.v1 import service_pb2 as api
from penstock_service.database import Database

from ..errors import BadRequest
from . import lists, pages

REMOVED = """
SELECT run_id, change FROM penstock_history.removed WHERE change > $1 AND change <= $2 ORDER BY change LIMIT $3"""


async def after(database: Database, request: api.ListChangesRequest) -> api.ListChangesResponse:
    """Return the runs that changed after a position, as they are now, and those that were removed.

    Of runs that were removed only the id is left, which is told to everybody.
    """
    limit = pages.size_of(request.limit)
    if not 0 <= request.after < 2**63:
        raise BadRequest("invalid position: expected one from the answer before")
    teams = calling.narrowed("")
    # First: a change that is committed later has a higher number.
    end = await lists.position(database)
    found: list[tuple[int, Any]] = []
    for table in lists.TABLES:
        query = (
            f"SELECT {lists.FIELDS}, change FROM {table} WHERE change > $1 AND change <= $2 "
            "AND ($4::text[] IS NULL OR team = ANY($4)) ORDER BY change LIMIT $3"
        )
        found += [(row["change"], row) for row in await database.fetch(query, request.after, end, limit + 1, teams)]
    removed = await database.fetch(REMOVED, request.after, end, limit + 1)
    gone = {row["change"]: row["run_id"] for row in removed}
    numbers = sorted([*(number for number, _ in found), *gone])
    more = len(numbers) > limit
    last = numbers[limit - 1] if more else max(end, request.after)
    runs = {row["run_id"]: row for number, row in sorted(found, key=lambda each: each[0]) if number <= last}
    return api.ListChangesResponse(
        runs=map(lists.record, runs.values()),
        removed=[run_id for number, run_id in gone.items() if number <= last],
        position=last,
        more=more,
    )
