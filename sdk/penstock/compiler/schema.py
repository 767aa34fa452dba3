"""JSON Schema of a workflow's inputs, from which forms, flags and REST schemas are made."""

from __future__ import annotations

import json
from typing import Any, get_origin

from ..declare import modules
from ..declare.annotations import ML_TYPES, is_record, unwrap
from .literals import adapter

_SCALARS = {int: {"type": "integer"}, float: {"type": "number"}, str: {"type": "string"}, bool: {"type": "boolean"}}


def of(annotation: Any) -> str:
    """The schema as JSON with sorted keys; a class that JSON cannot show has its name in "x-kind"."""
    return json.dumps(_schema(annotation), sort_keys=True, ensure_ascii=False)


def _schema(annotation: Any) -> dict[str, Any]:
    plain, metadata = unwrap(annotation)
    cls = get_origin(plain) or plain
    if not metadata and isinstance(cls, type):
        if cls in _SCALARS:
            return _SCALARS[cls]
        if issubclass(cls, ML_TYPES):
            return {"x-kind": next(root.__name__ for root in ML_TYPES if issubclass(cls, root))}
    from pydantic import PydanticUserError

    try:
        return adapter(annotation).json_schema()
    except PydanticUserError:
        if isinstance(cls, type) and cls.__module__ != "builtins" and not is_record(cls):
            return {"x-kind": modules.qualified_name(cls)}
        return {}
