"""Values of a run as people look at them: JSON as it is, everything else by its type, its size and a preview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from penstock_artifact_store import ArtifactStoreError
from penstock_proto.value.v1 import value_pb2

from ..codecs import RESULT_BYTES_MAX
from ..codecs.previews import Preview, preview
from .errors import ClientError
from .expressions import Show, plain_json, value_json
from .values import Artifacts

# Artifacts that are looked into at once; those beyond are shown by type and size.
ARTIFACTS_MAX = 50
# JSON of any size: an encoded value cannot have more bytes.
ALL_JSON_BYTES = RESULT_BYTES_MAX


async def shown_with_previews(
    artifacts: Artifacts, values: Iterable[value_pb2.Value], json_bytes_max: int, *, previews: bool = True
) -> Show:
    """Look into the values, and return what shows each of them; JSON up to so many bytes as it is."""
    values = list(values)
    large = [value for value in values if value.codec == "json" and value.artifact]
    json_of = await whole_json(artifacts, [value for value in large if value.size_bytes <= json_bytes_max])
    found: dict[bytes, Preview] = {}
    if not previews:
        return lambda value: json_of[value.artifact] if value.artifact in json_of else value_json(value)
    for value in values:
        key = _key(value)
        if key not in found and len(found) < ARTIFACTS_MAX and not _is_plain(value) and value.artifact not in json_of:
            found[key] = await _preview(artifacts, value)

    def show(value: value_pb2.Value) -> Any:
        if value.artifact in json_of:
            return json_of[value.artifact]
        if _is_plain(value):
            return value_json(value)
        shown = value_json(value)
        return {**shown, "preview": found[_key(value)]} if _key(value) in found else shown

    return show


async def whole_json(artifacts: Artifacts, values: Sequence[value_pb2.Value]) -> dict[bytes, Any]:
    """Return the JSON of each value that is an artifact; those whose artifact is gone are left out."""
    found: dict[bytes, Any] = {}
    for value in values:
        try:
            store = await artifacts.store([value])
            if store is not None and value.artifact not in found:
                found[value.artifact] = plain_json(await asyncio.to_thread(store.get, value.artifact))
        except (ClientError, ArtifactStoreError):
            continue  # what is shown of it says so
    return found


async def _preview(artifacts: Artifacts, value: value_pb2.Value) -> Preview:
    try:
        return preview(value.codec, await artifacts.head(value))
    except ClientError as error:  # an artifact that is gone must not hide the others
        return Preview(kind="unknown", problem=str(error))


def _is_plain(value: value_pb2.Value) -> bool:
    return value.codec == "json" and value.WhichOneof("body") == "inline"


def _key(value: value_pb2.Value) -> bytes:
    return value.codec.encode() + b"\0" + (value.artifact or value.inline)
