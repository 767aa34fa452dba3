"""Constraints of Annotated types, as keywords of JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

_KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_SIZES = {"str": "Length", "bytes": "Length", "dict": "Properties"}


def of(metadata: Iterable[object], kind: str) -> dict[str, Any]:
    """JSON Schema keywords of annotated-types, pydantic's Field and their like, recognised by their attributes."""
    found: dict[str, Any] = {}
    for item in metadata:
        nested = _attribute(item, "metadata")  # pydantic's FieldInfo
        found |= of(cast("list[object]", nested), kind) if isinstance(nested, list) else {}
        found |= {
            keyword: value for name, keyword in _KEYWORDS.items() if (value := _attribute(item, name)) is not None
        }
        size = _SIZES.get(kind, "Items")
        for name, keyword in (("min_length", f"min{size}"), ("max_length", f"max{size}")):
            value = _attribute(item, name)
            if value is not None and (value or keyword.startswith("max")):
                found[keyword] = value
        pattern = _attribute(item, "pattern")
        if pattern is not None:
            found["pattern"] = pattern if isinstance(pattern, str) else pattern.pattern
    return found


def _attribute(item: object, name: str) -> Any:
    value = getattr(item, name, None)
    return None if callable(value) or isinstance(item, type) else value
