"""Values of a run as people look at them: JSON as it is, everything else by its type, its size and a preview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from penstock_artifact_store import ArtifactStoreError
from penstock_proto.value.v1 import value_pb2

from ..codecs import RESULT_BYTES_MAX, CodecError
from ..codecs.compound_format import NAME as BUNDLE
from ..codecs.previews import Preview, preview
from ..codecs.previews.containers import DATASET
from . import trees
from .errors import ClientError
from .expressions import Show
from .values import Artifacts

# Artifacts that are looked into at once; those beyond are shown by type and size.
ARTIFACTS_MAX = 50
# JSON of any size: an encoded value cannot have more bytes.
ALL_JSON_BYTES = RESULT_BYTES_MAX
# A larger value in parts is shown by its preview, also if all parts are JSON.
PARTS_BYTES_MAX = 1 << 20


def value_json(value: value_pb2.Value) -> Any:
    """Return a value that is JSON and in the message, of another one its type, its size and its artifact."""
    if (tree := _json_within(value)) is not None:
        return trees.json_of(tree)
    shown: dict[str, Any] = {"type": value.type_name, "codec": value.codec, "size_bytes": value.size_bytes}
    if value.WhichOneof("body") == "artifact":
        shown["artifact"] = value.artifact.hex()
    return shown


async def shown_with_previews(
    artifacts: Artifacts, values: Iterable[value_pb2.Value], json_bytes_max: int, *, previews: bool = True
) -> Show:
    """Look into the values, and return what shows each of them; JSON up to so many bytes as it is."""
    values = list(values)
    large = [value for value in values if value.artifact and _may_be_json(value)]
    json_of = await whole_json(artifacts, [value for value in large if value.size_bytes <= json_bytes_max])
    found: dict[bytes, Preview] = {}
    if not previews:
        return lambda value: json_of[value.artifact] if value.artifact in json_of else value_json(value)
    for value in values:
        key = _key(value)
        if (
            key not in found
            and len(found) < ARTIFACTS_MAX
            and _json_within(value) is None
            and value.artifact not in json_of
        ):
            found[key] = await _preview(artifacts, value)

    def show(value: value_pb2.Value) -> Any:
        if value.artifact in json_of:
            return json_of[value.artifact]
        shown = value_json(value)
        return {**shown, "preview": found[_key(value)]} if _key(value) in found else shown

    return show


async def whole_json(artifacts: Artifacts, values: Sequence[value_pb2.Value]) -> dict[bytes, Any]:
    """Return the JSON of each value that is an artifact; those whose artifact is gone are left out."""
    found: dict[bytes, Any] = {}
    for value in values:
        try:
            store = await artifacts.store([value])
            if store is None or value.artifact in found:
                continue
            data = await asyncio.to_thread(store.get, value.artifact)
            tree = trees.of_value(value, memoryview(data))
            if trees.is_json(tree) and not _is_table(tree):
                found[value.artifact] = trees.json_of(tree)
        except (ClientError, ArtifactStoreError, CodecError):
            continue  # what is shown of it says so
    return found


async def _preview(artifacts: Artifacts, value: value_pb2.Value) -> Preview:
    try:
        return preview(value.codec, await artifacts.head(value))
    except ClientError as error:  # an artifact that is gone must not hide the others
        return Preview(kind="unknown", problem=str(error))


def _json_within(value: value_pb2.Value) -> trees.Tree | None:
    """The parts of a value in the message, if all are JSON."""
    if value.WhichOneof("body") != "inline" or not _may_be_json(value):
        return None
    try:
        tree = trees.of_value(value, memoryview(value.inline))
    except CodecError:
        return None  # the preview says so
    return tree if trees.is_json(tree) and not _is_table(tree) else None


def _is_table(tree: trees.Tree) -> bool:
    """Whether it is a Dataset, which is better shown as one."""
    return isinstance(tree, trees.Branch) and list(tree.names) == DATASET


def _may_be_json(value: value_pb2.Value) -> bool:
    return value.codec == "json" or (value.codec == BUNDLE and value.size_bytes <= PARTS_BYTES_MAX)


def _key(value: value_pb2.Value) -> bytes:
    return value.codec.encode() + b"\0" + (value.artifact or value.inline)
