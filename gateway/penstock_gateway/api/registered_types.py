"""Classes that inputs and outputs of deployed workflows have: versions, fields, and who uses them."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from penstock.client.registered import TypeInfo
from penstock_proto.registry.v1 import events_pb2, service_pb2
from starlette.responses import Response

from ..edge.answers import answer, shown_time
from . import type_models as models
from .context import NAME_CHARS_MAX, NAME_PATTERN, Context, Here
from .workflows import PAGE, PAGE_MAX, After

VERSIONS_MAX: Final = 5
TYPE_CHARS_MAX: Final = 255
TYPE_EXAMPLE: Final = "shop.Basket"

router = APIRouter(prefix="/v1", tags=["types"])


@router.get("/types", response_model=models.NamedTypes)
async def list_types(
    here: Here,
    q: Annotated[
        str, Query(max_length=NAME_CHARS_MAX, pattern=NAME_PATTERN, description="Beginnings of words, all of them.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE,
    after: After = "",
) -> Response:
    """List classes in alphabetical order."""
    filters = json.dumps(["types", q])
    kind = events_pb2.ENTRY_KIND_TYPE
    token = here.pages.inner(after, filters)
    request = service_pb2.ListRequest(kind=kind, query=q, page_size=limit, page_token=token)
    found = await here.client.connection.call("registry", "List", request)
    shown = [
        {"name": one.name, "latest": one.latest, "updated_at": shown_time(one.updated_at_us)} for one in found.entries
    ]
    return answer({"types": shown, "next": here.pages.token(found.next_page_token, filters)})


@router.get("/types/{name}", response_model=models.TypeVersions)
async def get_type(
    here: Here,
    name: Annotated[
        str,
        Path(
            description="Qualified name of a class.",
            max_length=TYPE_CHARS_MAX,
            pattern=r"^[^\x00-\x1f\x7f/]+$",
            examples=[TYPE_EXAMPLE],
        ),
    ],
) -> Response:
    """Get a class with its latest versions, and the workflows that take or return it."""
    versions = await here.client.registry.type_versions(name, limit=VERSIONS_MAX)
    return answer({"name": name, "versions": [await _version(here, one) for one in versions]})


async def _version(here: Context, one: TypeInfo) -> dict[str, Any]:
    used_by = await here.client.registry.type_uses(one.name, one.version)
    return {
        "version": one.version,
        "fields": [
            {"name": name, "type": kind.removesuffix("?"), "required": not kind.endswith("?")}
            for name, kind in one.fields.items()
        ],
        "workflow": one.workflow,
        "published_at": shown_time(one.published_at_us),
        "used_by": [
            {"name": use.name, "version": use.version, "inputs": list(use.inputs), "outputs": list(use.outputs)}
            for use in used_by
        ],
    }
