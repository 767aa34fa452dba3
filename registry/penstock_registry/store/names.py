"""Queries about names: what a commit must know of one, versions by reference, lists and searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock_access import calling
from penstock_proto.registry.v1 import service_pb2 as api
from penstock_proto.registry.v1.events_pb2 import EntryKind, Interface, RegistryEvent
from penstock_service.database import Connection, Database, Row

from ..core.decisions import Known, KnownType
from ..core.interface import Definition
from ..core.links import workflow_name
from ..core.names import kind_of, search_query
from ..errors import NotFound
from . import tables

KIND_TEXTS: Final = {EntryKind.ENTRY_KIND_WORKFLOW: "workflow", EntryKind.ENTRY_KIND_TYPE: "type"}

US = "(extract(epoch FROM {}) * 1000000)::bigint"
SAME = "SELECT version FROM penstock_registry.versions WHERE kind = $1 AND name = $2 AND hash = $3"
KNOWN = "SELECT team, latest FROM penstock_registry.entries WHERE kind = $1 AND name = $2"
TEAM = "SELECT team FROM penstock_registry.entries WHERE kind = $1 AND name = $2"
AMONG = """
SELECT name FROM penstock_registry.entries WHERE kind = $1 AND name = ANY($2::text[]) AND team = ANY($3::text[])"""
ALIASES = "SELECT alias, version FROM penstock_registry.aliases WHERE kind = $1 AND name = $2"
PAYLOADS = """
SELECT version, payload FROM penstock_registry.versions JOIN penstock_registry.events USING (seq)
WHERE kind = $1 AND name = $2 AND version = ANY($3::bigint[])"""
TYPES = """
SELECT wanted.name, coalesce(entries.latest, 0) AS latest, coalesce(versions.version, 0) AS same
FROM unnest($2::text[], $3::bytea[]) AS wanted (name, hash)
LEFT JOIN penstock_registry.entries ON entries.kind = $1 AND entries.name = wanted.name
LEFT JOIN penstock_registry.versions
    ON versions.kind = $1 AND versions.name = wanted.name AND versions.hash = wanted.hash"""

ENTRY_COLUMNS = f"""
    entries.kind, entries.name, entries.team, entries.doc, entries.latest,
    {US.format("entries.updated_at")} AS updated_at_us,
    ARRAY(SELECT ROW(alias, version, {US.format("moved_at")}) FROM penstock_registry.aliases
        WHERE aliases.kind = entries.kind AND aliases.name = entries.name ORDER BY alias) AS aliases"""
ENTRY = f"SELECT {ENTRY_COLUMNS} FROM penstock_registry.entries WHERE kind = $1 AND name = $2"
VERSION_COLUMNS = f"versions.version, events.seq, {US.format('events.recorded_at')} AS recorded_at_us, events.payload"
FIND = f"""
SELECT {ENTRY_COLUMNS}, {VERSION_COLUMNS}
FROM penstock_registry.entries JOIN penstock_registry.versions USING (kind, name)
JOIN penstock_registry.events USING (seq)
WHERE entries.kind = $1 AND entries.name = $2 AND versions.version = CASE
    WHEN $3::bigint > 0 THEN $3::bigint
    WHEN $4::text <> '' THEN (SELECT version FROM penstock_registry.aliases
        WHERE aliases.kind = $1 AND aliases.name = $2 AND aliases.alias = $4::text)
    ELSE entries.latest END"""
VERSIONS = f"""
SELECT {VERSION_COLUMNS} FROM penstock_registry.versions JOIN penstock_registry.events USING (seq)
WHERE kind = $1 AND name = $2 AND version < $3 ORDER BY version DESC LIMIT $4"""
LIST = f"SELECT {ENTRY_COLUMNS} FROM penstock_registry.entries WHERE kind = $1 AND name > $2{{}} ORDER BY name LIMIT $3"
# A search looks at the next names first: what is found often is among them. What is found seldom has few rows in the
# index of words, which are sorted then. Postgres does not know beforehand which of both it is.
NEAR_ROWS: Final = 5_000
NEAR = f"""
WITH near AS MATERIALIZED (
    SELECT kind, name, team, search FROM penstock_registry.entries WHERE kind = $1 AND name > $2
    ORDER BY name LIMIT {NEAR_ROWS}
), found AS (SELECT kind, name FROM near WHERE true{{}} ORDER BY name LIMIT $3)
SELECT {ENTRY_COLUMNS} FROM penstock_registry.entries JOIN found USING (kind, name) ORDER BY name"""
FAR = f"""
WITH far AS MATERIALIZED (
    SELECT kind, name FROM penstock_registry.entries WHERE kind = $1{{}}
), found AS (SELECT kind, name FROM far WHERE name > $2 ORDER BY name LIMIT $3)
SELECT {ENTRY_COLUMNS} FROM penstock_registry.entries JOIN found USING (kind, name) ORDER BY name"""
FORM = """
SELECT schema_json FROM penstock_registry.forms WHERE plan = $1 AND revision = $2"""
USES = """
SELECT used AS thing, relation FROM penstock_registry.links WHERE thing = $1 ORDER BY seq, relation, used LIMIT $2"""
USED_BY = """
SELECT thing, relation FROM penstock_registry.links WHERE used = $1 ORDER BY seq DESC, thing LIMIT $2"""


async def known(connection: Connection, name: str, plan: bytes = b"") -> Known:
    """Return what a commit must know of a workflow's name."""
    kind = EntryKind.ENTRY_KIND_WORKFLOW
    row: Row = await connection.fetchrow(KNOWN, kind, name)
    if row is None:
        return Known()
    latest = row["latest"]
    return Known(
        team=row["team"],
        latest=latest,
        interface=(await interfaces(connection, name, [latest])).get(latest),
        same=await connection.fetchval(SAME, kind, name, plan) or 0,
        aliases={row["alias"]: row["version"] for row in await connection.fetch(ALIASES, kind, name)},
    )


async def interfaces(connection: Connection, name: str, versions: Sequence[int]) -> Mapping[int, Interface]:
    """Return the interfaces of versions of a workflow."""
    rows = await connection.fetch(PAYLOADS, EntryKind.ENTRY_KIND_WORKFLOW, name, list(versions))
    return {row["version"]: RegistryEvent.FromString(row["payload"]).workflow_published.interface for row in rows}


async def known_types(connection: Connection, definitions: Sequence[Definition]) -> Mapping[str, KnownType]:
    """Return what a commit must know of classes."""
    names, hashes = [one.name for one in definitions], [one.hash for one in definitions]
    rows = await connection.fetch(TYPES, EntryKind.ENTRY_KIND_TYPE, names, hashes)
    return {row["name"]: KnownType(row["latest"], row["same"]) for row in rows}


async def team_of(database: Database, name: str, kind: EntryKind) -> str | None:
    """Return the team of a name; None if there is no such name."""
    return await database.fetchval(TEAM, kind_of(kind), name)


async def version_of(database: Database, name: str, plan: bytes) -> int:
    """Return the version of a workflow that has a plan; 0 if none has."""
    return await database.fetchval(SAME, EntryKind.ENTRY_KIND_WORKFLOW, name, plan) or 0


async def find(database: Database, ref: api.Ref, kind: EntryKind) -> api.GetResponse:
    """Return a name and one of its versions; raise NotFound with what there is instead."""
    row: Row = await database.fetchrow(FIND, kind, ref.name, ref.version, ref.alias)
    if row is None:
        raise _missing(await entry(database, ref.name, kind), ref)
    return api.GetResponse(entry=_entry(row), version=_version(kind, ref.name, row))


async def entry(database: Database, name: str, kind: EntryKind) -> api.Entry:
    """Return a name; raise NotFound."""
    row: Row = await database.fetchrow(ENTRY, kind, name)
    if row is None:
        what = KIND_TEXTS[kind]
        raise NotFound(f"unknown {what} {name!r}: `penstock {what}s` lists what is there")
    return _entry(row)


async def versions(database: Database, name: str, kind: EntryKind, below: int, count: int) -> list[api.Version]:
    """Return versions in descending order, without their types, inputs and outputs."""
    found = [_version(kind, name, row) for row in await database.fetch(VERSIONS, kind, name, below, count)]
    for one in found:
        if one.WhichOneof("body") == "workflow":
            for part in ("types", "inputs", "outputs"):
                one.workflow.interface.ClearField(part)
    return found


async def list_(
    database: Database, request: api.ListRequest, kind: EntryKind, after: str, count: int
) -> list[api.Entry]:
    """Return the next names after one. Each query has only its own conditions, and is planned for these."""
    values: list[object] = [kind, after, count]
    conditions = ""
    if words := search_query(request.query):
        values.append(words)
        conditions += f" AND search @@ to_tsquery('simple', ${len(values)})"
    if kind == EntryKind.ENTRY_KIND_TYPE:  # everybody's
        teams = [request.team] if request.team else None
    else:
        teams = calling.narrowed(request.team)
    if teams is not None:
        values.append(teams)
        conditions += f" AND team = ANY(${len(values)}::text[])"
    rows: Sequence[Row] = []
    for query in (NEAR, FAR) if words else (LIST,):
        rows = await database.fetch(query.format(conditions), *values)
        if len(rows) == count:
            break
    return [_entry(row) for row in rows]


async def form(database: Database, version: api.Version) -> str:
    """Return the form of a workflow's version; it is made again if the rules for forms have changed."""
    published = version.workflow
    found = await database.fetchval(FORM, published.plan, tables.FORM_REVISION)
    if found is None:
        async with database.acquire() as connection:
            found = await tables.put_form(connection, published)
    return found


async def linked(database: Database, thing: str, count: int) -> api.LinksResponse:
    """Return the neighbours of a thing in both directions."""
    uses, used_by = await database.fetch(USES, thing, count), await database.fetch(USED_BY, thing, count)
    hidden = await _hidden(database, {thing, *(row["thing"] for row in (*uses, *used_by))})
    if thing in hidden:
        return api.LinksResponse()
    uses, used_by = ([row for row in rows if row["thing"] not in hidden] for rows in (uses, used_by))
    return api.LinksResponse(
        uses=[api.Link(thing=row["thing"], relation=row["relation"]) for row in uses],
        used_by=[api.Link(thing=row["thing"], relation=row["relation"]) for row in used_by],
    )


async def _hidden(database: Database, things: set[str]) -> set[str]:
    """Return the workflows among some things that the caller may not see."""
    teams = calling.visible_teams()
    names = {thing: name for thing in things if (name := workflow_name(thing))}
    if teams is None or not names:
        return set()
    rows = await database.fetch(AMONG, EntryKind.ENTRY_KIND_WORKFLOW, sorted(set(names.values())), sorted(teams))
    seen = {row["name"] for row in rows}
    return {thing for thing, name in names.items() if name not in seen}


def _missing(found: api.Entry, ref: api.Ref) -> NotFound:
    if ref.WhichOneof("which") == "version":
        return NotFound(f"unknown version {ref.name}@{ref.version}: the latest is {found.latest}")
    aliases = ", ".join(each.alias for each in found.aliases)
    there = f"its aliases are {aliases}" if aliases else f"it has no alias, and its latest version is {found.latest}"
    return NotFound(f"unknown alias {ref.name}@{ref.alias}: {there}")


def _entry(row: Row) -> api.Entry:
    return api.Entry(
        kind=row["kind"],
        name=row["name"],
        team=row["team"],
        doc=row["doc"],
        latest=row["latest"],
        updated_at_us=row["updated_at_us"],
        aliases=[api.Alias(alias=one[0], version=one[1], moved_at_us=one[2]) for one in row["aliases"]],
    )


def _version(kind: EntryKind, name: str, row: Row) -> api.Version:
    event = RegistryEvent.FromString(row["payload"])
    found = api.Version(
        kind=kind,
        name=name,
        version=row["version"],
        caller=event.caller,
        published_at_us=row["recorded_at_us"],
        seq=row["seq"],
    )
    if event.WhichOneof("kind") == "workflow_published":
        found.workflow.CopyFrom(event.workflow_published)
    else:
        found.type.CopyFrom(event.type_registered)
    return found
