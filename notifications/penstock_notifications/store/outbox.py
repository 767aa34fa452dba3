"""The outbox: deliveries, claimed for an attempt, ended, listed, tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_service.database import Connection, Database, Row

from ..core.attempts import SECOND_US

NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
COUNTED_MAX: Final = 10_000
ERROR_CHARS_MAX: Final = 500
WAITING, DELIVERED, DEAD = api.DELIVERY_STATE_WAITING, api.DELIVERY_STATE_DELIVERED, api.DELIVERY_STATE_DEAD

# What names an unknown channel, or another team's, is dead at once, and can be tried again.
ADD = f"""
INSERT INTO penstock_notifications.deliveries
    (run_id, kind, channel, id, rule, workflow, team, body, state, error, created_us, due_us, until_us)
SELECT new.run_id, new.kind, new.channel, new.id, new.rule, new.workflow, new.team, new.body,
    CASE WHEN channels.name IS NULL THEN {DEAD} ELSE {WAITING} END,
    CASE WHEN channels.name IS NULL THEN 'unknown channel ' || new.channel || ' for this team' ELSE '' END,
    {NOW}, {NOW}, {NOW} + $9::bigint
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])
    AS new (run_id, kind, channel, id, rule, workflow, team, body)
LEFT JOIN penstock_notifications.channels
    ON channels.name = new.channel AND (new.rule <> '' OR channels.team IN ('', new.team))
ON CONFLICT DO NOTHING"""
# A few of each channel, so that one that does not answer holds up no other.
CLAIM = f"""
WITH due AS MATERIALIZED (
    SELECT ripe.id, channels.payload FROM penstock_notifications.channels CROSS JOIN LATERAL (
        SELECT id, due_us FROM penstock_notifications.deliveries
        WHERE channel = channels.name AND state = {WAITING} AND due_us <= {NOW} AND id <> ALL($3::text[])
        ORDER BY due_us LIMIT $4) AS ripe
    WHERE channels.name <> ALL($1::text[]) ORDER BY ripe.due_us LIMIT $5)
UPDATE penstock_notifications.deliveries SET attempts = attempts + 1, due_us = {NOW} + $2::bigint
FROM due WHERE deliveries.id = due.id AND state = {WAITING} AND due_us <= {NOW}
RETURNING deliveries.id, attempts, body, until_us, due.payload, {NOW} AS now_us"""
END = f"""
UPDATE penstock_notifications.deliveries SET state = $3, error = $4, due_us = $5, tried_us = {NOW}
WHERE id = $1 AND attempts = $2 AND state = {WAITING}"""
RETRY = f"""
UPDATE penstock_notifications.deliveries SET state = {WAITING}, attempts = 0, due_us = {NOW}, until_us = {NOW} + $3
WHERE state = {DEAD} AND (id = ANY($1::text[]) OR channel = $2) AND ($4::text[] IS NULL OR team = ANY($4::text[]))"""
REMOVE_OLD = f"""
DELETE FROM penstock_notifications.deliveries WHERE id IN (
    SELECT id FROM penstock_notifications.deliveries
    WHERE created_us < {NOW} - $1::bigint AND state <> {WAITING} LIMIT 10000)"""
BURY = f"""
UPDATE penstock_notifications.deliveries SET state = {DEAD}, error = $2 WHERE channel = $1 AND state = {WAITING}"""
COUNT = f"""
SELECT count(*) FROM (
    SELECT FROM penstock_notifications.deliveries WHERE state = $1 LIMIT {COUNTED_MAX}) AS counted"""
OLDEST = f"""
SELECT greatest(0, {NOW} - min(created_us)) FROM penstock_notifications.deliveries WHERE state = {WAITING}"""
COLUMNS = "id, rule, channel, run_id, kind, workflow, team, state, attempts, error, created_us, due_us, tried_us"
LIST = f"SELECT {COLUMNS} FROM penstock_notifications.deliveries{{}} ORDER BY created_us DESC, id DESC LIMIT $1"


@dataclass(frozen=True, slots=True)
class Written:
    """A delivery that is to be added."""

    run_id: bytes
    kind: int
    channel: str
    id: str
    rule: str
    workflow: str
    team: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process tries now."""

    id: str
    attempts: int
    body: bytes
    until_us: int
    channel: api.Channel
    now_us: int


async def add(connection: Connection, deliveries: Sequence[Written], retry_s: float) -> None:
    """Add deliveries, of those that are not there."""
    columns = [
        [d.run_id for d in deliveries], [d.kind for d in deliveries], [d.channel for d in deliveries],
        [d.id for d in deliveries], [d.rule for d in deliveries], [d.workflow for d in deliveries],
        [d.team for d in deliveries], [d.body for d in deliveries],
    ]  # fmt: skip
    await connection.execute(ADD, *columns, round(retry_s * SECOND_US))


async def claim(
    database: Database, busy: Sequence[str], held: Sequence[str], lease_s: float, of_each_max: int, all_max: int
) -> list[Claimed]:
    """Take what is due, for an attempt; nobody else gets it for `lease_s`.

    Args:
        busy: Channels of which nothing is taken.
        held: Deliveries that are being tried here.
    """
    rows = await database.fetch(CLAIM, list(busy), round(lease_s * SECOND_US), list(held), of_each_max, all_max)
    return [
        Claimed(
            row["id"],
            row["attempts"],
            row["body"],
            row["until_us"],
            api.Channel.FromString(row["payload"]),
            row["now_us"],
        )
        for row in rows
    ]


async def end(database: Database, claimed: Claimed, state: int, error: str, due_us: int) -> None:
    """Note what became of an attempt, unless a later one has begun."""
    text = error.replace("\0", "")[:ERROR_CHARS_MAX]
    await database.execute(END, claimed.id, claimed.attempts, state, text, due_us)


async def retry(
    database: Database, ids: Sequence[str], channel: str, retry_s: float, teams: Sequence[str] | None
) -> int:
    """Let dead deliveries of these teams be tried again, None: of all; return how many."""
    done = await database.execute(RETRY, list(ids), channel or None, round(retry_s * SECOND_US), teams)
    return int(done.rpartition(" ")[2])


async def remove_old(database: Database, keep_s: float) -> None:
    """Remove some of what ended long ago."""
    await database.execute(REMOVE_OLD, round(keep_s * SECOND_US))


async def counts(database: Database) -> tuple[int, int, float]:
    """Return how many wait and how many are dead, up to a limit, and for how many seconds the oldest one has waited."""
    waiting, dead = await database.fetchval(COUNT, WAITING), await database.fetchval(COUNT, DEAD)
    return waiting, dead, (await database.fetchval(OLDEST) or 0) / SECOND_US


async def list_(
    database: Database,
    request: api.ListDeliveriesRequest,
    before: tuple[int, str] | None,
    size: int,
    teams: Sequence[str] | None,
) -> list[api.Delivery]:
    """Return deliveries of these teams, None: of all; newest first."""
    values: list[object] = [size]
    conditions: list[str] = []

    def where(condition: str, *given: object) -> None:
        places = [f"${len(values) + place}" for place in range(1, len(given) + 1)]
        values.extend(given)
        conditions.append(condition.format(*places))

    if request.states:
        where("state = ANY({}::smallint[])", list(request.states))
    if request.channel:
        where("channel = {}", request.channel)
    if request.run_id:
        where("run_id = {}", request.run_id)
    if teams is not None:
        where("team = ANY({}::text[])", list(teams))
    if before is not None:
        where("(created_us, id) < ({}::bigint, {}::text)", *before)
    clause = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return [_delivery(row) for row in await database.fetch(LIST.format(clause), *values)]


def _delivery(row: Row) -> api.Delivery:
    return api.Delivery(
        id=row["id"],
        rule=row["rule"],
        channel=row["channel"],
        run_id=row["run_id"],
        kind=row["kind"],
        workflow=row["workflow"],
        team=row["team"],
        state=row["state"],
        attempts=row["attempts"],
        error=row["error"],
        created_at_us=row["created_us"],
        due_at_us=row["due_us"] if row["state"] == WAITING else 0,
        tried_at_us=row["tried_us"],
    )
