"""Channels and rules."""

from collections.abc import Sequence
from typing import Final

from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_service.database import Connection, Database

from ..errors import BadRequest, InUse, Unknown
from .outbox import BURY, NOW

CHANNELS_MAX, RULES_MAX = 10_000, 10_000
SHOWN_MAX: Final = 3

PUT_CHANNEL = """
INSERT INTO penstock_notifications.channels (name, team, payload) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET team = excluded.team, payload = excluded.payload RETURNING xmax = 0 AS is_new"""
PUT_RULE = """
INSERT INTO penstock_notifications.rules (name, team, channel, payload) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET team = excluded.team, channel = excluded.channel, payload = excluded.payload
RETURNING xmax = 0 AS is_new"""
CHANNELS = """
SELECT payload FROM penstock_notifications.channels
WHERE ($1::text[] IS NULL OR team = ANY($1::text[])) AND (cardinality($2::text[]) = 0 OR name = ANY($2::text[]))
ORDER BY name"""
RULES = """
SELECT payload FROM penstock_notifications.rules
WHERE $1::text[] IS NULL OR team = ANY($1::text[]) ORDER BY name"""
USERS = "SELECT name FROM penstock_notifications.rules WHERE channel = $1 ORDER BY name LIMIT 10"


async def put_channel(database: Database, channel: api.Channel) -> bool:
    """Keep a channel; return whether it is new."""
    async with database.acquire() as connection, connection.transaction():
        await _refuse_too_many(connection, "channels", channel.name, CHANNELS_MAX)
        channel.updated_at_us = await connection.fetchval(f"SELECT {NOW}")
        return await connection.fetchval(PUT_CHANNEL, channel.name, channel.team, channel.SerializeToString())


async def put_rule(database: Database, rule: api.Rule) -> bool:
    """Keep a rule; return whether it is new; raise Unknown."""
    async with database.acquire() as connection, connection.transaction():
        await _refuse_too_many(connection, "rules", rule.name, RULES_MAX)
        there = "SELECT name FROM penstock_notifications.channels WHERE name = $1 FOR SHARE"
        if await connection.fetchval(there, rule.channel) is None:
            raise _no_channel(rule.channel)
        rule.updated_at_us = await connection.fetchval(f"SELECT {NOW}")
        return await connection.fetchval(PUT_RULE, rule.name, rule.team, rule.channel, rule.SerializeToString())


async def channels(
    database: Database, teams: Sequence[str] | None = None, names: Sequence[str] = ()
) -> list[api.Channel]:
    """Return channels of these teams, None: of all, in alphabetical order."""
    return [api.Channel.FromString(row["payload"]) for row in await database.fetch(CHANNELS, teams, list(names))]


async def channel(database: Database, name: str) -> api.Channel:
    """Return a channel; raise Unknown."""
    found = await channels(database, names=[name])
    if not found:
        raise _no_channel(name)
    return found[0]


async def rule(database: Database, name: str) -> api.Rule:
    """Return a rule; raise Unknown."""
    payload = await database.fetchval("SELECT payload FROM penstock_notifications.rules WHERE name = $1", name)
    if payload is None:
        raise _no_rule(name)
    return api.Rule.FromString(payload)


async def rules(database: Database | Connection, teams: Sequence[str] | None = None) -> list[api.Rule]:
    """Return rules of these teams, None: of all, in alphabetical order."""
    return [api.Rule.FromString(row["payload"]) for row in await database.fetch(RULES, teams)]


async def remove_channel(database: Database, name: str) -> None:
    """Remove a channel; what waits for it is dead. Raise Unknown, InUse."""
    async with database.acquire() as connection, connection.transaction():
        await connection.fetchval("SELECT 1 FROM penstock_notifications.channels WHERE name = $1 FOR UPDATE", name)
        users = [row["name"] for row in await connection.fetch(USERS, name)]
        if users:
            more = ", ..." if len(users) > SHOWN_MAX else ""
            raise InUse(
                f"the channel {name} is used by the rules {', '.join(users[:SHOWN_MAX])}{more}: remove them first"
            )
        done = await connection.execute("DELETE FROM penstock_notifications.channels WHERE name = $1", name)
        if done == "DELETE 0":
            raise _no_channel(name)
        await connection.execute(BURY, name, f"the channel {name} was removed")


async def remove_rule(database: Database, name: str) -> None:
    """Remove a rule; raise Unknown."""
    if await database.execute("DELETE FROM penstock_notifications.rules WHERE name = $1", name) == "DELETE 0":
        raise _no_rule(name)


async def _refuse_too_many(connection: Connection, table: str, name: str, limit: int) -> None:
    count = await connection.fetchval(f"SELECT count(*) FROM penstock_notifications.{table} WHERE name <> $1", name)
    if count >= limit:
        raise BadRequest(f"there are {limit:,} {table} already, the limit")


def _no_channel(name: str) -> Unknown:
    return Unknown(f"unknown channel {name!r}: `penstock notifications channels` lists what is there")


def _no_rule(name: str) -> Unknown:
    return Unknown(f"unknown rule {name!r}: `penstock notifications rules` lists what is there")
