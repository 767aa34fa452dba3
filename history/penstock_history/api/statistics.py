"""Figures over days, added up by Postgres."""

import time
from typing import Any, Final

from penstock_proto.history.v1 import service_pb2 as api
from penstock_service.database import Database, Row

from ..core.buckets import percentile_us
from ..errors import BadRequest

DAYS_DEFAULT: Final = 30
DAY_MAX: Final = 3_000_000
DAY_S: Final = 86_400
ROWS_MAX: Final = 10_000
COLUMNS: Final = ("workflow", "team", "operator", "day")
SUMS: Final = ("succeeded", "failed", "cancelled", "skipped", "retries", "busy_us")


async def rows(database: Database, request: api.StatisticsRequest) -> tuple[list[api.StatisticsRow], bool]:
    """Return the rows, and whether there are more than fit."""
    by = _by(request)
    where, values = _where(request, by)
    group = f" GROUP BY {', '.join(by)}" if by else ""
    named = "".join(f"{column}, " for column in by)
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMS)
    order = ("day, " if "day" in by else "") + "busy_us DESC, " + ", ".join([*by, "1"])
    query = (
        f"SELECT {named}{sums} FROM penstock_history.figures WHERE {where}{group} ORDER BY {order} LIMIT {ROWS_MAX + 1}"
    )
    found = [row for row in await database.fetch(query, *values) if row["busy_us"] is not None]
    group = f" GROUP BY {named}bucket"
    query = f"SELECT {named}bucket, sum(count)::bigint AS count FROM penstock_history.durations WHERE {where}{group}"
    buckets: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in await database.fetch(query, *values):
        buckets.setdefault(_key(row, by), {})[row["bucket"]] = row["count"]
    made = [_row(row, by, buckets.get(_key(row, by), {}), request) for row in found[:ROWS_MAX]]
    return made, len(found) > ROWS_MAX


def _by(request: api.StatisticsRequest) -> list[str]:
    if unknown := set(request.by).difference(COLUMNS):
        raise BadRequest(f"figures cannot be kept apart by {min(unknown)!r}: choose from {', '.join(COLUMNS)}")
    return [column for column in COLUMNS if column in request.by]


def _where(request: api.StatisticsRequest, by: list[str]) -> tuple[str, list[Any]]:
    before = request.before_day or int(time.time()) // DAY_S + 1
    first = request.from_day or before - DAYS_DEFAULT
    if not 0 <= first < before <= DAY_MAX:
        raise BadRequest(f"from_day {first} must be before before_day {before}, and both be days since 1970-01-01")
    words, values = ["day >= $1", "day < $2"], [first, before]
    values_any: list[Any] = list(values)
    for column in ("workflow", "team"):
        if text := getattr(request, column):
            values_any.append(_text(text))
            words.append(f"{column} = ${len(values_any)}")
    if request.operator:
        values_any.append(_text(request.operator))
        words.append(f"operator = ${len(values_any)}")
    else:
        words.append("operator <> ''" if "operator" in by else "operator = ''")
    return " AND ".join(words), values_any


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
