"""Figures over days, added up by Postgres."""

import time
from typing import Any, Final, NamedTuple

from penstock_access import calling
from penstock_proto.history.v1 import service_pb2 as api
from penstock_service.database import Database, Row

from ..core.buckets import percentile_us
from ..core.figures import first_day_of, month_of
from ..errors import BadRequest
from .lists import Condition

DAYS_DEFAULT: Final = 30
DAY_MAX: Final = 2_900_000  # in the year 9909
DAY_S: Final = 86_400
ROWS_MAX: Final = 10_000
TYPES: Final = {"workflow": "text", "team": "text", "operator": "text", "day": "integer"}
COLUMNS: Final = tuple(TYPES)
SUMS: Final = ("succeeded", "failed", "cancelled", "skipped", "retries", "busy_us")


class Source(NamedTuple):
    """Tables, and from where to where they are read."""

    figures: str
    durations: str
    column: str
    first: int
    before: int


async def rows(database: Database, request: api.StatisticsRequest) -> tuple[list[api.StatisticsRow], bool]:
    """Return the rows, and whether there are more than fit."""
    by = _by(request)
    where, sources = _where(request, by), _sources(request, by)
    named = "".join(f"{column}, " for column in by)
    group = f" GROUP BY {', '.join(by)}" if by else ""
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMS)
    order = ("day, " if "day" in by else "") + "busy_us DESC, " + ", ".join([*by, "1"])
    figures = _union(where, [(one.figures, one) for one in sources], ", ".join([*by, *SUMS]))
    query = f"SELECT {named}{sums} FROM ({figures}) AS known{group} ORDER BY {order} LIMIT {ROWS_MAX + 1}"
    found = [row for row in await database.fetch(query, *where.values) if row["busy_us"] is not None]
    if by:  # no others, of which there may be any number
        keys = (f"{where.value([row[name] for row in found[:ROWS_MAX]])}::{TYPES[name]}[]" for name in by)
        where.also(f"({', '.join(by)}) IN (SELECT * FROM unnest({', '.join(keys)}))")
    durations = _union(where, [(one.durations, one) for one in sources], f"{named}bucket, count")
    query = f"SELECT {named}bucket, sum(count)::bigint AS count FROM ({durations}) AS known GROUP BY {named}bucket"
    buckets: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in await database.fetch(query, *where.values):
        buckets.setdefault(_key(row, by), {})[row["bucket"]] = row["count"]
    made = [_row(row, by, buckets.get(_key(row, by), {}), request) for row in found[:ROWS_MAX]]
    return made, len(found) > ROWS_MAX


def _union(where: Condition, tables: list[tuple[str, Source]], columns: str) -> str:
    return " UNION ALL ".join(
        f"SELECT {columns} FROM penstock_history.{table} "
        f"WHERE {one.column} >= {one.first:d} AND {one.column} < {one.before:d} AND {where.text}"
        for table, one in tables
    )


def _sources(request: api.StatisticsRequest, by: list[str]) -> list[Source]:
    """Return what covers the days that are asked for: whole months by month, the others by day."""
    before = request.before_day or int(time.time()) // DAY_S + 1
    first = request.from_day or before - DAYS_DEFAULT
    if not 0 <= first < before <= DAY_MAX:
        raise BadRequest(f"from_day {first} must be before before_day {before}, and both be days since 1970-01-01")
    month, end = month_of(first - 1) + 1 if first else 0, month_of(before)
    if "day" in by or month >= end:
        return [Source("figures", "durations", "day", first, before)]
    days = [(first, first_day_of(month)), (first_day_of(end), before)]
    return [
        Source("figures_by_month", "durations_by_month", "month", month, end),
        *(Source("figures", "durations", "day", *some) for some in days if some[0] < some[1]),
    ]


def _by(request: api.StatisticsRequest) -> list[str]:
    if unknown := set(request.by).difference(COLUMNS):
        raise BadRequest(f"figures cannot be kept apart by {min(unknown)!r}: choose from {', '.join(COLUMNS)}")
    return [column for column in COLUMNS if column in request.by]


def _where(request: api.StatisticsRequest, by: list[str]) -> Condition:
    where = Condition()
    for column in ("workflow", "operator"):
        if text := getattr(request, column):
            where.also(f"{column} = {where.value(_text(text))}")
    teams = calling.narrowed(_text(request.team))
    if teams is not None:
        where.also(f"team = ANY({where.value(teams)}::text[])")
    if not request.operator:
        where.also("operator <> ''" if "operator" in by else "operator = ''")
    return where


def _text(text: str) -> str:
    if "\0" in text:
        raise BadRequest("a name cannot contain a zero byte")
    return text


def _key(row: Row, by: list[str]) -> tuple[Any, ...]:
    return tuple(row[column] for column in by)


def _row(row: Row, by: list[str], buckets: dict[int, int], request: api.StatisticsRequest) -> api.StatisticsRow:
    made = api.StatisticsRow(
        workflow=request.workflow,
        team=request.team,
        operator=request.operator,
        p50_us=percentile_us(buckets, 0.5),
        p95_us=percentile_us(buckets, 0.95),
        **{name: row[name] for name in SUMS},
    )
    for column in by:
        setattr(made, column, row[column])
    return made
