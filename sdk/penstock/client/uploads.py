"""The uploads before a run starts: its plan, the bundle of code, and large values."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock_proto.artifact_store.v1 import service_pb2 as artifact_pb2
from penstock_proto.state_tracker.v1 import events_pb2, service_pb2

from .connection import Connection
from .errors import PlanRefused, Refused

CHUNK_BYTES = 1 << 20


class Outgoing:
    """Artifacts that wait for their upload: the store that the codecs write into."""

    def __init__(self, artifacts: Mapping[bytes, bytes] | None = None) -> None:
        self.artifacts = dict(artifacts or {})

    def put_parts(self, parts: Sequence[bytes | memoryview]) -> bytes:
        data = b"".join(parts)
        artifact = hashlib.sha256(data).digest()
        self.artifacts[artifact] = data
        return artifact


async def send_artifacts(connection: Connection, artifacts: Mapping[bytes, bytes]) -> None:
    """Upload those that are not there."""
    if not artifacts:
        return
    request = artifact_pb2.MissingRequest(artifacts=list(artifacts))
    missing: Any = await connection.call("artifact_store", "Missing", request)
    for artifact in missing.artifacts:
        await connection.send("artifact_store", "Put", _Chunks(artifact, artifacts[artifact]))


class _Chunks:
    """The messages of one artifact; walked again if the upload is repeated."""

    def __init__(self, artifact: bytes, data: bytes) -> None:
        self._artifact, self._data = artifact, data

    def __iter__(self) -> Iterator[artifact_pb2.PutRequest]:
        yield artifact_pb2.PutRequest(artifact=self._artifact, chunk=self._data[:CHUNK_BYTES])
        for start in range(CHUNK_BYTES, len(self._data), CHUNK_BYTES):
            yield artifact_pb2.PutRequest(chunk=self._data[start : start + CHUNK_BYTES])


async def send_code(
    connection: Connection, artifacts: Mapping[bytes, bytes], plans: Sequence[bytes], caller: events_pb2.Caller
) -> None:
    """Store plans after their bundle and the plans that they name: who has one, has all of it. Raises PlanRefused."""
    await send_artifacts(connection, artifacts)
    for data in plans:
        await send_plan(connection, data, caller)


async def send_plan(connection: Connection, data: bytes, caller: events_pb2.Caller) -> None:
    """Store the plan; raise PlanRefused with everything that the server finds wrong with it."""
    chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)] or [b""]
    requests = [service_pb2.PutPlanRequest(chunk=chunk) for chunk in chunks]
    requests[0].caller.CopyFrom(caller)
    try:
        await connection.send("state_tracker", "PutPlan", requests)
    except Refused as error:
        if error.code == "INVALID_ARGUMENT":
            raise PlanRefused(error.code, f"the server rejected the plan: {error.details}") from None
        raise


class Uploads:
    """Remembers which plans are on the server. Should it be another one by now, it says so, and they are sent again."""

    def __init__(self) -> None:
        self._plans: dict[bytes, asyncio.Lock] = {}
        self._sent: set[bytes] = set()

    def is_known(self, plan: bytes) -> bool:
        return plan in self._sent

    def remember(self, plan: bytes) -> None:
        self._sent.add(plan)
        self._plans.pop(plan, None)

    def forget(self, plan: bytes) -> None:
        self._sent.discard(plan)

    def lock(self, plan: bytes) -> asyncio.Lock:
        """Held while one submit finds out whether the plan is there; the others of the same plan wait for it."""
        return self._plans.setdefault(plan, asyncio.Lock())
