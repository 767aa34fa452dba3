"""What events do to the tables of names, versions, aliases, links and forms."""

from __future__ import annotations

from collections.abc import Sequence

from penstock_plan import form
from penstock_proto.registry.v1.events_pb2 import (
    AliasMoved,
    EntryKind,
    RegistryEvent,
    TypeRegistered,
    WorkflowPublished,
)
from penstock_service.database import Connection

from ..core import links
from ..core.names import search_text

# Raised when the same plan has another form than before.
FORM_REVISION = 1

ENTRIES = """
INSERT INTO penstock_registry.entries (kind, name, team, doc, latest, updated_at, search)
SELECT $1, name, team, doc, version, events.recorded_at, to_tsvector('simple', words)
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) AS new (name, team, doc, version, words),
    penstock_registry.events WHERE seq = $7
ON CONFLICT (kind, name) DO UPDATE
SET team = excluded.team, doc = excluded.doc, latest = excluded.latest, updated_at = excluded.updated_at,
    search = excluded.search"""
VERSIONS = """
INSERT INTO penstock_registry.versions (kind, name, version, hash, seq)
SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::bigint[])"""
LINKS = """
INSERT INTO penstock_registry.links (thing, relation, used, seq)
SELECT *, $4 FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING"""
FORM = """
INSERT INTO penstock_registry.forms (plan, revision, schema_json) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"""
POINT = """
INSERT INTO penstock_registry.aliases (kind, name, alias, version, moved_at)
SELECT $1, $2, $3, $4, recorded_at FROM penstock_registry.events WHERE seq = $5
ON CONFLICT (kind, name, alias) DO UPDATE SET version = excluded.version, moved_at = excluded.moved_at"""
REMOVE = "DELETE FROM penstock_registry.aliases WHERE kind = $1 AND name = $2 AND alias = $3"


async def apply(connection: Connection, first_seq: int, events: Sequence[RegistryEvent]) -> None:
    """Change the tables by events of one commit that are in the log, the first of them at `first_seq`."""
    types: list[tuple[int, TypeRegistered]] = []
    for seq, event in enumerate(events, first_seq):
        match event.WhichOneof("kind"):
            case "workflow_published":
                await _workflow(connection, seq, event.workflow_published)
            case "type_registered":
                types.append((seq, event.type_registered))
            case "alias_moved":
                await _alias(connection, seq, event.alias_moved)
            case _:
                raise ValueError(f"event {seq} has no kind that this version knows")
    if types:
        await _types(connection, types)


async def _workflow(connection: Connection, seq: int, published: WorkflowPublished) -> None:
    kind, own = EntryKind.ENTRY_KIND_WORKFLOW, published.interface
    name, team, doc, version = published.name, published.team, _storable(own.doc), published.version
    words = _storable(search_text(name, team, own.workflow, doc))
    await connection.execute(ENTRIES, kind, [name], [team], [doc], [version], [words], seq)
    await connection.execute(VERSIONS, kind, [name], [version], [published.plan], [seq])
    await put_form(connection, published)
    found = links.of_workflow(published)
    await connection.execute(LINKS, *(list(column) for column in zip(*found, strict=True)), seq)


async def put_form(connection: Connection, published: WorkflowPublished) -> str:
    """Keep the form of a plan; return it."""
    own = published.interface
    text = form.as_json(form.of(own.workflow.rpartition(":")[2], own.doc, own.inputs))
    await connection.execute(FORM, published.plan, FORM_REVISION, _storable(text))
    return text


async def _types(connection: Connection, types: Sequence[tuple[int, TypeRegistered]]) -> None:
    kind = EntryKind.ENTRY_KIND_TYPE
    names = [one.name for _, one in types]
    versions = [one.version for _, one in types]
    nothing = [""] * len(types)
    words = [_storable(search_text(name)) for name in names]
    seqs = [seq for seq, _ in types]
    await connection.execute(ENTRIES, kind, names, nothing, nothing, versions, words, seqs[0])
    await connection.execute(VERSIONS, kind, names, versions, [one.hash for _, one in types], seqs)


async def _alias(connection: Connection, seq: int, moved: AliasMoved) -> None:
    if moved.version:
        await connection.execute(POINT, moved.entry_kind, moved.name, moved.alias, moved.version, seq)
    else:
        await connection.execute(REMOVE, moved.entry_kind, moved.name, moved.alias)


def _storable(text: str) -> str:
    """Postgres' text has no zero byte; the event keeps it."""
    return text.replace("\0", "")
