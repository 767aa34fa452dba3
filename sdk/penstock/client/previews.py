"""Values of a run as people look at them: JSON as it is, everything else by its type, its size and a preview."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock_proto.value.v1 import value_pb2

from ..codecs.previews import Preview, preview
from .errors import ClientError
from .expressions import Show, value_json
from .values import Artifacts

# Artifacts that are looked into at once; those beyond are shown by type and size.
ARTIFACTS_MAX = 50


async def shown_with_previews(artifacts: Artifacts, values: Iterable[value_pb2.Value]) -> Show:
    """Look into the values, and return what shows each of them."""
    found: dict[bytes, Preview] = {}
    for value in values:
        key = _key(value)
        if key not in found and len(found) < ARTIFACTS_MAX and not _is_plain(value):
            found[key] = await _preview(artifacts, value)

    def show(value: value_pb2.Value) -> Any:
        if _is_plain(value):
            return value_json(value)
        shown = value_json(value)
        return {**shown, "preview": found[_key(value)]} if _key(value) in found else shown

    return show


async def _preview(artifacts: Artifacts, value: value_pb2.Value) -> Preview:
    try:
        return preview(value.codec, await artifacts.head(value))
    except ClientError as error:  # an artifact that is gone must not hide the others
        return Preview(kind="unknown", problem=str(error))


def _is_plain(value: value_pb2.Value) -> bool:
    return value.codec == "json" and value.WhichOneof("body") == "inline"


def _key(value: value_pb2.Value) -> bytes:
    return value.codec.encode() + b"\0" + (value.artifact or value.inline)
