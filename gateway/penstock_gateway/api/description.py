"""The OpenAPI document: what FastAPI makes, and what it cannot know."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ..edge.bodies import BODIES
from ..edge.problems import MEDIA_TYPE
from .models import Problem

REFERENCES: Final = "#/components/schemas/{model}"
# How FastAPI would answer invalid parameters.
FASTAPI_ERRORS: Final = ("HTTPValidationError", "ValidationError")
PROBLEM: Final[dict[str, Any]] = {
    "description": "Problem details (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        for name, model in {**BODIES, Problem.__name__: Problem}.items():
            schema = model.model_json_schema(ref_template=REFERENCES)
            schemas.update(schema.pop("$defs", {}))
            schemas[name] = schema
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"].update({"4XX": PROBLEM, "5XX": PROBLEM})
        for name in FASTAPI_ERRORS:
            schemas.pop(name, None)
        app.openapi_schema = document
    return app.openapi_schema
