"""Workflows by name: find them, deploy stored plans, point aliases at versions."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from penstock.client import Refused
from penstock.client.registered import (
    LATEST,
    Change,
    Reference,
    WorkflowInfo,
    WorkflowVersion,
    info_of,
    parse_reference,
    version_of,
)
from penstock.client.uploads import Outgoing
from penstock_proto.registry.v1 import events_pb2, service_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from ..edge.bodies import described, json_body
from ..edge.pages import TOKEN_PATTERN
from ..edge.problems import Fault, Problem, escaped
from . import fields, models, requests
from .context import NAME_CHARS_MAX, NAME_PATTERN, Caller, Context, Here
from .launching import input_values

PAGE: Final = 50
PAGE_MAX, VERSIONS_PAGE_MAX = 500, 100
WORKFLOW: Final = events_pb2.ENTRY_KIND_WORKFLOW

router = APIRouter(prefix="/v1", tags=["workflows"])

Name = Annotated[
    str,
    Path(description="Name of a workflow.", max_length=100, pattern=fields.WORKFLOW_PATTERN, examples=["doubled"]),
]
Which = Annotated[
    str,
    Path(description="A number, an alias, or `latest`.", max_length=100, pattern=fields.WHICH_PATTERN, examples=["1"]),
]
AliasName = Annotated[
    str, Path(description="Name of an alias.", max_length=50, pattern=fields.ALIAS_PATTERN, examples=["production"])
]
After = Annotated[str, Query(pattern=TOKEN_PATTERN, description="`next` of the page before, with the same filters.")]


@router.get("/workflows", response_model=models.Workflows)
async def list_workflows(
    here: Here,
    q: Annotated[
        str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN, description="Beginnings of words, all of them.")
    ] = "",
    team: Annotated[str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN)] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: After = "",
) -> Response:
    """List deployed workflows in alphabetical order."""
    filters = json.dumps(["workflows", q, team])
    request = service_pb2.ListRequest(
        kind=WORKFLOW, query=q, team=team, page_size=limit, page_token=here.pages.inner(after, filters)
    )
    found = await here.client.connection.call("registry", "List", request)
    next_page = here.pages.token(found.next_page_token, filters)
    return answer({"workflows": [_info(info_of(one)) for one in found.entries], "next": next_page})


@router.get("/workflows/{name:part}", response_model=models.Workflow)
async def get_workflow(here: Here, name: Name) -> Response:
    """Get a deployed workflow with its aliases."""
    return answer(_info(await here.client.registry.workflow(name)))


@router.get("/workflows/{name:part}/versions", response_model=models.Versions)
async def list_versions(
    here: Here, name: Name, limit: Annotated[int, Query(ge=1, le=VERSIONS_PAGE_MAX)] = PAGE, after: After = ""
) -> Response:
    """List the versions of a workflow, newest first."""
    filters = json.dumps(["versions", name])
    request = service_pb2.ListVersionsRequest(
        kind=WORKFLOW, name=name, page_size=limit, page_token=here.pages.inner(after, filters)
    )
    found = await here.client.connection.call("registry", "ListVersions", request)
    next_page = here.pages.token(found.next_page_token, filters)
    return answer({"versions": [_version(version_of(one)) for one in found.versions], "next": next_page})


@router.post(
    "/workflows/{name:part}/versions",
    status_code=201,
    response_model=models.Published,
    responses={200: {"description": "This plan had the version already.", "model": models.Published}},
    openapi_extra=described(requests.Publish),
)
async def publish(
    here: Here, caller: Caller, name: Name, body: Annotated[requests.Publish, Depends(json_body(requests.Publish))]
) -> Response:
    """Deploy a stored plan under a name. The same plan again is the same version."""
    request = service_pb2.PublishRequest(
        name=name,
        plan=bytes.fromhex(body.plan),
        team=body.team,
        caller=caller,
        alias=body.alias,
        expected_version=body.expected_version,
        allow_incompatible=body.allow_incompatible,
    )
    done = await _change(here, "Publish", request)
    version = version_of(done.version)
    location = f"/v1/workflows/{name}/versions/{version.version}"
    shown = {"version": _version(version), "created": done.created, "alias_moved": done.HasField("alias_moved")}
    return answer(shown, 201 if done.created else 200, {"Location": location})


@router.get("/workflows/{name:part}/versions/{which:part}", response_model=models.Version)
async def get_version(here: Here, name: Name, which: Which) -> Response:
    """Get a version of a workflow: by its number, by an alias, or the latest."""
    return answer(_version(await here.client.registry.version(str(_reference(name, which)))))


@router.get("/workflows/{name:part}/versions/{which:part}/form", response_model=models.Form)
async def get_form(here: Here, name: Name, which: Which) -> Response:
    """Get the inputs of a version as one JSON Schema of an object."""
    form = await here.client.registry.form(str(_reference(name, which)))
    shown = {"name": form.name, "version": form.version, "plan": form.plan_hash.hex(), "schema": form.schema}
    return answer(shown)


@router.post(
    "/workflows/{name:part}/versions/{which:part}:validate",
    response_model=models.Verdict,
    openapi_extra=described(requests.GivenInputs),
)
async def validate(
    here: Here,
    name: Name,
    which: Which,
    body: Annotated[requests.GivenInputs, Depends(json_body(requests.GivenInputs))],
) -> Response:
    """Ask the State Tracker whether inputs fit, without a launch; what is wrong is named by JSON pointer."""
    form = await here.client.registry.form(str(_reference(name, which)))
    problems = await here.client.problems(form.plan_hash, input_values(body, Outgoing()))
    faults = [
        Fault(f"/inputs/{escaped(one.input)}{one.pointer}" if one.input else "/inputs", one.detail) for one in problems
    ]
    return answer({"valid": not faults, "errors": [fault.shown() for fault in faults]})


@router.put(
    "/workflows/{name:part}/aliases/{alias:part}",
    response_model=models.AliasMoved,
    openapi_extra=described(requests.MoveAlias),
)
async def move_alias(
    here: Here,
    caller: Caller,
    name: Name,
    alias: AliasName,
    body: Annotated[requests.MoveAlias, Depends(json_body(requests.MoveAlias))],
) -> Response:
    """Point an alias at a version; with `expected_version`, only if it is there now (0: it must not exist)."""
    return await _moved(here, caller, name, alias, body.version, body.expected_version)


@router.delete("/workflows/{name:part}/aliases/{alias:part}", response_model=models.AliasMoved)
async def remove_alias(here: Here, caller: Caller, name: Name, alias: AliasName) -> Response:
    """Remove an alias. Harmless if it does not exist."""
    return await _moved(here, caller, name, alias, 0, None)


async def _moved(here: Context, caller: Any, name: str, alias: str, version: int, expected: int | None) -> Response:
    request = service_pb2.MoveAliasRequest(
        kind=WORKFLOW, name=name, alias=alias, version=version, expected_version=expected, caller=caller
    )
    done = await _change(here, "MoveAlias", request)
    return answer({"name": name, "alias": alias, "version": version or None, "moved": done.moved})


async def _change(here: Context, method: str, request: Any) -> Any:
    """Call what may be refused because of what is there: incompatible inputs, an alias elsewhere."""
    try:
        return await here.client.connection.call("registry", method, request)
    except Refused as refusal:
        if refusal.code in ("FAILED_PRECONDITION", "ABORTED"):
            raise Problem("conflict", str(refusal)) from None
        raise


def _reference(name: str, which: str) -> Reference:
    return parse_reference(name if which == LATEST else f"{name}@{which}")


def _info(one: WorkflowInfo) -> dict[str, Any]:
    return {
        "name": one.name,
        "team": one.team,
        "doc": one.doc,
        "latest": one.latest,
        "aliases": dict(one.aliases),
        "updated_at": shown_time(one.updated_at_us),
    }


def _version(one: WorkflowVersion) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "plan": one.plan_hash.hex(),
        "team": one.team,
        "user": one.user,
        "workflow": one.workflow,
        "doc": one.doc,
        "nodes": one.nodes,
        "published_at": shown_time(one.published_at_us),
        "changes": [_change_shown(change) for change in one.changes],
    }


def _change_shown(change: Change) -> dict[str, Any]:
    return {"text": change.text, "incompatible": change.incompatible}
