"""Artifacts in sum: which there are, where they are from, what used them, and a look into one."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from penstock.client.lineage import Artifact, Lineage, artifact_of
from penstock.codecs.previews.looks import NotLooked
from penstock_proto.history.v1 import service_pb2 as history
from penstock_proto.value.v1.value_pb2 import Value
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from ..edge.problems import Problem
from . import lineage_models as models
from .context import HASH_PATTERN, NAME_CHARS_MAX, NAME_PATTERN, RUN_PATTERN, ArtifactHash, Context, Here
from .shown import artifact_href
from .workflows import PAGE, PAGE_MAX, After

NAMES_CHARS_MAX: Final = 300
ROWS_MAX: Final = 200
ROW_MAX: Final = 10**9

TABLE_EXAMPLE: Final = "5d41402abc4b2a76b9719d911017c592ae2b1f3b6d1f3c1b1e3f0c2a9d8e7f60"
TableHash = Annotated[
    str, Path(description="SHA-256 of a table, in lower case.", pattern=HASH_PATTERN, examples=[TABLE_EXAMPLE])
]

router = APIRouter(prefix="/v1", tags=["artifacts"])

Name = Annotated[str, Query(max_length=NAMES_CHARS_MAX, pattern=NAME_PATTERN)]


@router.get("/artifacts", response_model=models.Artifacts)
async def list_artifacts(
    here: Here,
    artifact: Annotated[str, Query(pattern=r"^([0-9a-f]{2}){0,32}$", description="Beginning of its SHA-256.")] = "",
    type: Name = "",
    workflow: Name = "",
    operator: Name = "",
    team: Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)] = "",
    q: Annotated[
        str,
        Query(
            max_length=NAME_CHARS_MAX,
            pattern=NAME_PATTERN,
            description="Part of the name of a type, a workflow or an operator, in any case.",
        ),
    ] = "",
    run: Annotated[str, Query(pattern=RUN_PATTERN + "|^$", description="Id of a run.")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: After = "",
) -> Response:
    """List artifacts where they were recorded, as outputs of nodes and inputs of runs: the latest first."""
    filters = json.dumps(["artifacts", artifact, type, workflow, operator, team, q, run])
    request = history.ListArtifactsRequest(
        artifact=bytes.fromhex(artifact),
        type_name=type,
        workflow=workflow,
        operator=operator,
        team=team,
        search=q,
        run_id=bytes.fromhex(run.replace("-", "")),
        page_size=limit,
        page_token=here.pages.inner(after, filters),
    )
    found: history.ListArtifactsResponse = await here.client.ask_history("ListArtifacts", request)
    lag = found.lag.events if found.lag.events >= 0 else None
    shown = [_artifact(artifact_of(one)) for one in found.artifacts]
    return answer({"artifacts": shown, "next": here.pages.token(found.next_page_token, filters), "lag": lag})


@router.get("/artifacts/{artifact}/lineage", response_model=models.Lineage)
async def get_lineage(here: Here, artifact: ArtifactHash) -> Response:
    """Say which nodes made an artifact, which runs it was given to, and which nodes used it."""
    found, one = await _found(here, artifact)
    facts = {name: shown for name, shown in _artifact(one).items() if name in models.Lineage.model_fields}
    body: dict[str, Any] = {
        **facts,
        "made": [_artifact(each) for each in found.made],
        "given": [_artifact(each) for each in found.given],
        "used": [
            {"run": str(use.run), "node": use.node or None, "operator": use.operator or None, "argument": use.argument}
            for use in found.used
        ],
        "more": found.more,
    }
    return answer(body)


@router.get("/artifacts/{artifact}/preview", response_model=models.Preview)
async def get_preview(here: Here, artifact: ArtifactHash) -> Response:
    """Look into an artifact that a run recorded: its shape and its beginning."""
    _, one = await _found(here, artifact)
    (preview,) = await here.client.previews([value_of(one)])
    return answer({"artifact": artifact, "preview": preview})


@router.get("/artifacts/{artifact}/rows", response_model=models.Rows)
async def get_rows(
    here: Here,
    artifact: TableHash,
    first: Annotated[int, Query(ge=0, le=ROW_MAX, description="Rows to leave out.")] = 0,
    limit: Annotated[int, Query(ge=1, le=ROWS_MAX)] = PAGE,
    sort: Annotated[str, Query(max_length=NAMES_CHARS_MAX, pattern=NAME_PATTERN, description="A column.")] = "",
    descending: bool = False,
) -> Response:
    """Get rows of a table of Arrow, pandas or polars, sorted by a column if one is named."""
    _, one = await _found(here, artifact)
    try:
        async with here.reading:
            found = await here.client.rows(value_of(one), first, limit, sort=sort, descending=descending)
    except NotLooked as reason:
        raise Problem("conflict", str(reason)) from None
    return answer({"artifact": artifact, **found})


def value_of(one: Artifact) -> Value:
    return Value(codec=one.codec, artifact=bytes.fromhex(one.hash), size_bytes=one.size_bytes, type_name=one.type)


async def _found(here: Context, artifact: str) -> tuple[Lineage, Artifact]:
    found = await here.client.history.lineage(artifact)
    if not found.made and not found.given:
        raise Problem("not-found", f"the history knows no run that made or was given artifact {artifact}")
    return found, (found.made or found.given)[0]


def _artifact(one: Artifact) -> dict[str, Any]:
    return {
        "artifact": one.hash,
        "codec": one.codec,
        "type": one.type,
        "size_bytes": one.size_bytes,
        "href": artifact_href(bytes.fromhex(one.hash)),
        "recorded_at": shown_time(one.recorded_at_us),
        "run": str(one.run),
        "workflow": one.workflow,
        "team": one.team,
        "node": one.node or None,
        "port": one.port,
        "operator": one.operator or None,
    }
