"""The tables of the authority: one statement for each function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock_access.principal import Role
from penstock_proto.access.v1 import service_pb2 as api
from penstock_service.database import Database, Row

US = "coalesce((extract(epoch FROM {}) * 1000000)::bigint, 0)"

KEYS = f"""
SELECT id, pem, {US.format("created_at")} AS created_us FROM penstock_access.keys
ORDER BY created_at DESC, id LIMIT $1"""
ADD_KEY = "INSERT INTO penstock_access.keys (id, pem) VALUES ($1, $2)"
# Two authorities that start at once make one key.
FIRST_KEY = """
INSERT INTO penstock_access.keys (id, pem) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM penstock_access.keys)"""
DROP_KEYS = """
DELETE FROM penstock_access.keys WHERE created_at < (
    SELECT min(created_at) FROM (
        SELECT created_at FROM penstock_access.keys ORDER BY created_at DESC LIMIT $1) AS kept)"""

ROLES = """
SELECT team, max(role) AS role FROM penstock_access.members WHERE subject = ANY($1::text[]) GROUP BY team"""
MEMBERS = """
SELECT team, subject, role FROM penstock_access.members
WHERE ($1::text[] IS NULL OR team = ANY($1)) AND (team, subject) > ($2, $3) ORDER BY team, subject LIMIT $4"""
SET_MEMBER = """
INSERT INTO penstock_access.members (team, subject, role) VALUES ($1, $2, $3)
ON CONFLICT (team, subject) DO UPDATE SET role = excluded.role"""
REMOVE_MEMBER = "DELETE FROM penstock_access.members WHERE team = $1 AND subject = $2"

TOKEN_COLUMNS = f"""
id, hash, subject, name, teams, role, pool, source, groups, expires_at > now() AND revoked_at IS NULL AS is_valid,
    {US.format("created_at")} AS created_us, {US.format("expires_at")} AS expires_us,
    {US.format("used_at")} AS used_us, {US.format("revoked_at")} AS revoked_us"""
CREATE = f"""
INSERT INTO penstock_access.tokens (id, hash, subject, name, teams, role, pool, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::bigint * interval '1 second') RETURNING {TOKEN_COLUMNS}"""
# When it was last used is noted once a minute at most.
USE = """
UPDATE penstock_access.tokens SET used_at = now()
WHERE id = $1 AND (used_at IS NULL OR used_at < now() - interval '1 minute')"""
TOKEN = f"SELECT {TOKEN_COLUMNS} FROM penstock_access.tokens WHERE id = $1"
TOKENS = f"""
SELECT {TOKEN_COLUMNS} FROM penstock_access.tokens
WHERE ($1 = '' OR subject = $1)
    AND (tokens.created_at, id) < ('epoch'::timestamptz + $2::bigint * interval '1 microsecond', $3)
ORDER BY tokens.created_at DESC, id DESC LIMIT $4"""
# Of a person's sessions, the newest stay; those that ended long ago are forgotten.
BEGIN_SESSION = f"""
WITH old AS (
    UPDATE penstock_access.tokens SET revoked_at = now() WHERE id IN (
        SELECT id FROM penstock_access.tokens
        WHERE subject = $3 AND source = 'oidc' AND revoked_at IS NULL AND expires_at > now()
        ORDER BY tokens.created_at DESC OFFSET $7 - 1)
), forgotten AS (
    DELETE FROM penstock_access.tokens
    WHERE source = 'oidc' AND subject = $3 AND expires_at < now() - interval '7 days'
)
INSERT INTO penstock_access.tokens (id, hash, subject, name, teams, role, pool, source, groups, expires_at)
VALUES ($1, $2, $3, $4, '{{}}', 0, '', 'oidc', $5, now() + $6::bigint * interval '1 second')
RETURNING {TOKEN_COLUMNS}"""
REVOKE = f"""
UPDATE penstock_access.tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING {TOKEN_COLUMNS}"""
COUNT = """
SELECT count(*) FROM penstock_access.tokens
WHERE subject = $1 AND source = 'api_token' AND revoked_at IS NULL AND expires_at > now()"""

KEYS_KEPT: Final = 8
# A member, by team and subject.
Place = tuple[str, str]
SESSIONS_MAX: Final = 20


async def keys(database: Database) -> Sequence[Row]:
    """Return the keys, the one that signs first."""
    return await database.fetch(KEYS, KEYS_KEPT)


async def add_key(database: Database, key_id: str, pem: bytes, *, first: bool = False) -> None:
    """Keep a key; as the first one, only if there is none."""
    await database.execute(FIRST_KEY if first else ADD_KEY, key_id, pem)
    await database.execute(DROP_KEYS, KEYS_KEPT)


async def roles(database: Database, subjects: Sequence[str]) -> dict[str, Role]:
    """Return the highest role that any of the subjects has, by team."""
    return {row["team"]: Role(row["role"]) for row in await database.fetch(ROLES, list(subjects))}


async def members(database: Database, teams: Sequence[str] | None, after: Place, limit: int) -> list[api.Member]:
    """Return the members of teams, None: of all, that follow after one, by team and subject."""
    rows = await database.fetch(MEMBERS, None if teams is None else list(teams), *after, limit)
    return [api.Member(team=row["team"], subject=row["subject"], role=row["role"]) for row in rows]


async def set_member(database: Database, team: str, subject: str, role: int) -> None:
    if role:
        await database.execute(SET_MEMBER, team, subject, role)
    else:
        await database.execute(REMOVE_MEMBER, team, subject)


async def create(database: Database, token_id: str, digest: bytes, wanted: Mapping[str, Any]) -> Row:
    return await database.fetchrow(
        CREATE, token_id, digest, wanted["subject"], wanted["name"], wanted["teams"], wanted["role"], wanted["pool"],
        wanted["lasts_s"],
    )  # fmt: skip


async def begin_session(
    database: Database, token_id: str, digest: bytes, subject: str, name: str, groups: Sequence[str], lasts_s: int
) -> Row:
    """Keep the token of a person who signed in, and end the oldest of too many sessions; return its row."""
    return await database.fetchrow(BEGIN_SESSION, token_id, digest, subject, name, list(groups), lasts_s, SESSIONS_MAX)


async def token(database: Database, token_id: str) -> Row:
    """Return a token's row; None if there is none."""
    return await database.fetchrow(TOKEN, token_id)


async def note_use(database: Database, token_id: str) -> None:
    await database.execute(USE, token_id)


async def tokens(database: Database, subject: str, before: tuple[int, str], limit: int) -> Sequence[Row]:
    """Return a subject's tokens that were made before one (its time and id), newest first; without one, everybody's."""
    return await database.fetch(TOKENS, subject, *before, limit)


async def revoke(database: Database, token_id: str) -> Row:
    """Revoke a token and return its row; None if there is none."""
    return await database.fetchrow(REVOKE, token_id)


async def count(database: Database, subject: str) -> int:
    """Return how many tokens of a subject are valid."""
    return await database.fetchval(COUNT, subject)


def described(row: Row) -> api.ApiToken:
    """Return a token without anything that is secret."""
    return api.ApiToken(
        id=row["id"], subject=row["subject"], name=row["name"], teams=row["teams"], role=row["role"], pool=row["pool"],
        created_at_us=row["created_us"], expires_at_us=row["expires_us"], used_at_us=row["used_us"],
        revoked_at_us=row["revoked_us"], source=row["source"],
    )  # fmt: skip
