"""Queries over artifacts: where they were recorded, the latest first."""

from typing import Final

from penstock_access import calling
from penstock_proto.history.v1 import service_pb2 as api
from penstock_proto.value.v1.value_pb2 import Value
from penstock_proto.wire import RUN_ID_BYTES
from penstock_service.database import Database, Row

from ..errors import BadRequest
from . import pages
from .lists import TEXT_CHARS_MAX, Condition

HASH_BYTES: Final = 32
NAMES_MAX: Final = 1_000  # that a search may match
FIELDS: Final = (
    "key, recorded_us, artifact, codec, type_name, size_bytes, run_id, plan, workflow, team, operator, node, place, "
    "node_name, port"
)
SEARCH: Final = """
SELECT name FROM penstock_history.artifact_names WHERE strpos(lower(name), lower($1)) > 0 ORDER BY 1 LIMIT $2"""


async def artifacts(database: Database, request: api.ListArtifactsRequest) -> api.ListArtifactsResponse:
    """Return a page of artifacts, and the token of the next one; empty if there is none."""
    size = pages.size_of(request.page_size)
    question = api.ListArtifactsRequest()
    question.CopyFrom(request)
    question.page_size, question.page_token = 0, ""
    digest = pages.digest_of(question)
    condition = await _where(database, request)
    if condition is None:
        return api.ListArtifactsResponse()
    if request.page_token:
        at, key = map(condition.value, pages.place(request.page_token, digest))
        condition.also(f"(recorded_us, key) < ({at}::bigint, {key}::uuid)")
    rows = await database.fetch(
        f"SELECT {FIELDS} FROM penstock_history.artifacts WHERE {condition.text} "
        f"ORDER BY recorded_us DESC, key DESC LIMIT {size + 1}",
        *condition.values,
    )
    last = rows[size - 1] if len(rows) > size else None
    token = pages.token(last["recorded_us"], last["key"], digest) if last is not None else ""
    return api.ListArtifactsResponse(artifacts=map(_record, rows[:size]), next_page_token=token)


async def _where(database: Database, wanted: api.ListArtifactsRequest) -> Condition | None:
    """Return the conditions of a filter; None if nothing can match."""
    condition = Condition()
    named = {"type_name": wanted.type_name, "workflow": wanted.workflow, "operator": wanted.operator}
    if any("\0" in text or len(text) > TEXT_CHARS_MAX for text in (*named.values(), wanted.team, wanted.search)):
        raise BadRequest(f"a text to look for has at most {TEXT_CHARS_MAX} characters, none of them a zero byte")
    if len(wanted.artifact) > HASH_BYTES:
        raise BadRequest(f"invalid artifact: expected at most {HASH_BYTES} bytes, not {len(wanted.artifact)}")
    if len(wanted.run_id) not in (0, RUN_ID_BYTES):
        raise BadRequest(f"invalid run id: expected a UUID of {RUN_ID_BYTES} bytes, not {len(wanted.run_id)}")
    teams = calling.narrowed(wanted.team)
    if teams is not None:
        condition.also(f"team = ANY({condition.value(teams)}::text[])")
    for column, text in named.items():
        if text:
            condition.also(f"{column} = {condition.value(text)}")
    if len(wanted.artifact) == HASH_BYTES:
        condition.also(f"artifact = {condition.value(wanted.artifact)}")
    elif wanted.artifact:
        last = wanted.artifact.ljust(HASH_BYTES, b"\xff")
        condition.also(f"artifact BETWEEN {condition.value(wanted.artifact)} AND {condition.value(last)}")
    if wanted.run_id:
        condition.also(f"run_id = {condition.value(wanted.run_id)}")
    if wanted.search:
        names = [row["name"] for row in await database.fetch(SEARCH, wanted.search, NAMES_MAX)]
        if not names:
            return None
        among = f"ANY({condition.value(names)}::text[])"
        condition.also(f"(type_name = {among} OR workflow = {among} OR operator = {among})")
    return condition


def _record(row: Row) -> api.ArtifactRecord:
    value = Value(
        codec=row["codec"], artifact=row["artifact"], size_bytes=row["size_bytes"], type_name=row["type_name"]
    )
    return api.ArtifactRecord(
        value=value, recorded_at_us=row["recorded_us"], run_id=row["run_id"], plan=row["plan"],
        workflow=row["workflow"], team=row["team"], node=row["node"], place=row["place"], port=row["port"],
        node_name=row["node_name"], operator=row["operator"],
    )  # fmt: skip
