"""A run's outputs as Python values; artifacts come from the local store, or are fetched into a folder."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

from penstock_artifact_store import ArtifactStoreError, LocalStore
from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1 import value_pb2

from .. import codecs
from ..call.argument_values import Builders
from ..call.failures import ActionError
from ..call.given import Given
from ..codecs.mapping import mapped
from ..codecs.previews import HEAD_BYTES_MAX, Head
from ..declare import signatures
from . import expressions
from .connection import Connection
from .errors import BadOutput
from .submission import Returned


class Artifacts:
    """Artifacts as the codecs read them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._fetched: tempfile.TemporaryDirectory[str] | None = None
        self._local: LocalStore | None = None
        self._has_asked = False

    def close(self) -> None:
        if self._fetched is not None:
            self._fetched.cleanup()

    async def store(self, values: list[value_pb2.Value]) -> LocalStore | None:
        """Return a store that has all artifacts of the values; None if there are none."""
        artifacts = list(dict.fromkeys(value.artifact for value in values if value.artifact))
        if not artifacts:
            return None
        local = await self._shared()
        if local is not None and not await asyncio.to_thread(local.missing, artifacts):
            return local
        if self._fetched is None:
            self._fetched = tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True)
        store = LocalStore(Path(self._fetched.name))
        for artifact in store.missing(artifacts):
            await self._fetch(store, artifact)
        return store

    async def head(self, value: value_pb2.Value) -> Head:
        """Return the beginning of a value, for a look at it: its bytes are not verified."""
        if value.WhichOneof("body") != "artifact":
            return Head(memoryview(value.inline), len(value.inline))
        local = await self._shared()
        if local is not None and local.has(value.artifact):
            return Head(mapped(local.unverified_path(value.artifact)), value.size_bytes)
        return Head(memoryview(await self._first_bytes(value.artifact, HEAD_BYTES_MAX)), value.size_bytes)

    async def _first_bytes(self, artifact: bytes, count: int) -> bytes:
        retry = await self._connection.retry("artifact_store")
        request = artifact_pb2.GetRequest(artifact=artifact)
        while not retry.is_finished:
            data = bytearray()
            async with aclosing(self._connection.stream("artifact_store", "Get", request, retry)) as stream:
                async for response in stream:
                    data += response.chunk
                    if len(data) >= count:
                        return bytes(data[:count])
            if retry.is_finished:
                return bytes(data)
        raise AssertionError("unreachable")

    async def _shared(self) -> LocalStore | None:
        """The deployment's own folder, where it is on this machine."""
        if not self._has_asked:
            info = await self._connection.info()
            folder = Path(info.artifact_folder) if info.artifact_folder else None
            # It may be there and be closed to this user.
            open_here = folder is not None and os.access(folder / "objects", os.R_OK | os.X_OK)
            self._local = LocalStore(folder) if folder and open_here else None
            self._has_asked = True
        return self._local

    async def _fetch(self, store: LocalStore, artifact: bytes) -> None:
        retry = await self._connection.retry("artifact_store")
        while not retry.is_finished:
            with store.incoming() as incoming:
                request = artifact_pb2.GetRequest(artifact=artifact)
                async for response in self._connection.stream("artifact_store", "Get", request, retry):
                    incoming.write(response.chunk)
                if retry.is_finished and store.keep(incoming) != artifact:
                    raise BadOutput(f"artifact {artifact.hex()} is corrupt: the downloaded bytes do not have this hash")


async def decode_outputs(
    artifacts: Artifacts, plan: plan_pb2.Plan, values: expressions.Recorded, returned: Returned | None
) -> Any:
    """Return the result of the workflow: in its return type if this process knows it, otherwise as a dict."""
    store = await artifacts.store(expressions.values_used(plan, values))
    if store is None:  # all are small
        return _decode(plan, values, returned, None)
    return await asyncio.to_thread(_decode, plan, values, returned, store)


def _decode(
    plan: plan_pb2.Plan, values: expressions.Recorded, returned: Returned | None, store: LocalStore | None
) -> Any:
    try:
        if returned is None:
            return _plain(plan, values, store)
        builders = Builders(plan, plan.name, store or _NOTHING)
        annotations = returned.annotations
        parts = {
            output.name: builders.build(output.value, annotations.get(output.name, Any), output.name)(Given(values))
            for output in plan.outputs
        }
        return returned.shape(parts)
    except (codecs.CodecError, ArtifactStoreError, ActionError) as error:
        raise BadOutput(f"an output of {plan.name} cannot be decoded: {error}") from error


def _plain(plan: plan_pb2.Plan, values: expressions.Recorded, store: LocalStore | None) -> Any:
    def decode(value: value_pb2.Value, annotation: Any) -> Any:
        return codecs.from_value(value, annotation, store)

    outputs = {output.name: expressions.as_python(plan, output.value, values, Any, decode) for output in plan.outputs}
    single = list(outputs) == [signatures.RESULT]
    return outputs[signatures.RESULT] if single else outputs or None


class _Nothing:
    """The store of outputs that need none."""

    def put_parts(self, parts: object) -> bytes:
        raise BadOutput("outputs are read-only: nothing can be stored")

    def get(self, artifact: bytes) -> bytes:
        raise BadOutput(f"artifact {artifact.hex()} was not downloaded")

    def path(self, artifact: bytes) -> Path:
        raise BadOutput(f"artifact {artifact.hex()} was not downloaded")


_NOTHING = _Nothing()
