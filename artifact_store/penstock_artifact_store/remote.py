"""The artifact store of another machine, through a local cache; the same calls as LocalStore."""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc
from penstock_access.credentials import Channel, Header
from penstock_proto.artifact_store.v1 import service_pb2 as pb
from penstock_proto.artifact_store.v1 import service_pb2_grpc
from penstock_proto.channels import open_blocking_channel
from penstock_proto.tls import Tls

from .checkpoints import mapped
from .errors import ArtifactDamaged, ArtifactMissing, ArtifactStoreError, BadHash, StoreFull, StoreUnavailable
from .logs import LogKey
from .store import CHUNK_BYTES, LocalStore

Answer = TypeVar("Answer")

# A restart of the service, or a network that is down for a moment, costs no attempt of an operator.
PATIENCE_S = 120.0
RETRY_DELAY_S = 0.1
RETRY_DELAY_MAX_S = 3.0
CALL_TIMEOUT_S = 60.0
TRANSFER_TIMEOUT_S = 3600.0
MISSING_BATCH = 10_000
OPTIONS = [
    # Straight to the service: a proxy of the environment would see, or swallow, every artifact.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
RETRIED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


class RemoteStore:
    """Bytes are fetched once and kept in the cache; what is put is in the cache, and durable remotely on return."""

    def __init__(self, address: str, cache: LocalStore, tls: Tls | None = None, token: Header | None = None) -> None:
        """`address` is "host:port"; the connection is made when it is first used. `token`: of its calls.

        Raises TlsError.
        """
        self.address, self._cache = address, cache
        channel = open_blocking_channel(address, OPTIONS, tls)
        self._channel: Any = channel if token is None else Channel(channel, token)
        self._stub: Any = service_pb2_grpc.ArtifactStoreServiceStub(self._channel)

    def __repr__(self) -> str:
        return f"RemoteStore({self.address!r})"

    @property
    def folder(self) -> Path:
        """Of the cache."""
        return self._cache.folder

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def put(self, data: bytes | memoryview) -> bytes:
        """Keep bytes durably and return their hash; raises StoreFull, StoreUnavailable."""
        return self.put_parts((data,))

    def put_parts(self, parts: Sequence[bytes | memoryview]) -> bytes:
        """Keep the parts, one after the other, as one artifact; raises StoreFull, StoreUnavailable."""
        artifact = self._cache.put_parts(parts)
        self._upload(artifact)
        return artifact

    def put_file(self, path: Path) -> tuple[bytes, int]:
        """Keep a copy of a file durably and return its hash and size; raises StoreFull, StoreUnavailable."""
        artifact, size = self._cache.put_file(path)
        self._upload(artifact)
        return artifact, size

    def get(self, artifact: bytes) -> bytes:
        """Return the bytes, verified; raises ArtifactMissing, ArtifactDamaged, StoreUnavailable."""
        return self._read_cached(self._cache.get, artifact)

    def path(self, artifact: bytes) -> Path:
        """Return a file in the cache, verified, to read or map, never to change; raises like `get`."""
        return self._read_cached(self._cache.path, artifact)

    def has(self, artifact: bytes) -> bool:
        """Whether the remote store has it; raises StoreUnavailable."""
        return not self.missing([artifact])

    def missing(self, artifacts: Iterable[bytes]) -> list[bytes]:
        """Those that the remote store does not have; raises StoreUnavailable."""
        asked, out = list(artifacts), list[bytes]()
        for start in range(0, len(asked), MISSING_BATCH):
            request = pb.MissingRequest(artifacts=asked[start : start + MISSING_BATCH])
            out += self._retry(lambda request=request: self._stub.Missing(request, timeout=CALL_TIMEOUT_S)).artifacts
        return out

    def size(self, artifact: bytes) -> int:
        """Size in bytes; fetches it if need be."""
        return self.path(artifact).stat().st_size

    def put_checkpoint(self, key: LogKey, codec: str, parts: Sequence[bytes | memoryview]) -> None:
        """Keep a checkpoint durably in place of the one before; raises BadLogKey, StoreFull, StoreUnavailable."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        head = pb.CheckpointHead(codec=codec, size_bytes=sum(map(len, parts)), digest=digest.digest())
        self._retry(lambda: self._stub.PutCheckpoint(_checkpoint_chunks(key, head, parts), timeout=TRANSFER_TIMEOUT_S))

    def checkpoint(self, run_id: bytes, node: int, item: Sequence[int] = ()) -> tuple[str, memoryview] | None:
        """Return codec and bytes of what the latest attempt of a node kept; None: nothing. Raises StoreUnavailable."""
        request = pb.GetCheckpointRequest(run_id=run_id, node=node, item=item)

        def fetch() -> tuple[str, memoryview]:
            head = pb.CheckpointHead()
            with self._cache.incoming() as incoming:  # its name is gone at the end: the mapping keeps the bytes
                for response in self._stub.GetCheckpoint(request, timeout=TRANSFER_TIMEOUT_S):
                    if response.HasField("head"):
                        head = response.head
                    incoming.write(response.chunk)
                if incoming.digest() != head.digest:
                    raise ArtifactDamaged(head.digest, self)
                return head.codec, mapped(incoming.path)

        try:
            return self._retry(fetch)
        except ArtifactMissing:
            return None

    def remove_checkpoints(self, run_id: bytes, node: int = -1, item: Sequence[int] = ()) -> None:
        """Remove what a node kept, or with -1 what all nodes of a run kept; raises StoreUnavailable."""
        request = pb.RemoveCheckpointsRequest(run_id=run_id, node=node, item=item)
        self._retry(lambda: self._stub.RemoveCheckpoints(request, timeout=CALL_TIMEOUT_S))

    def find_result(self, request: pb.FindResultRequest) -> pb.FindResultResponse:
        """Return the outputs of an earlier execution of the same call, if there is one; raises StoreUnavailable."""
        return self._retry(lambda: self._stub.FindResult(request, timeout=CALL_TIMEOUT_S))

    def keep_result(self, request: pb.KeepResultRequest) -> None:
        """Keep the outputs of a call for later ones; raises StoreFull, StoreUnavailable."""
        self._retry(lambda: self._stub.KeepResult(request, timeout=CALL_TIMEOUT_S))

    def _read_cached(self, read: Callable[[bytes], Answer], artifact: bytes) -> Answer:
        try:
            return read(artifact)
        except (ArtifactMissing, ArtifactDamaged):  # a damaged one has been set aside by the cache
            self._fetch(artifact)
            return read(artifact)

    def _fetch(self, artifact: bytes) -> None:
        """Bring the bytes into the cache; goes on where a broken transfer ended."""
        with self._cache.incoming() as incoming:

            def go_on() -> None:
                request = pb.GetRequest(artifact=artifact, offset=incoming.size)
                for response in self._stub.Get(request, timeout=TRANSFER_TIMEOUT_S):
                    incoming.write(response.chunk)

            self._retry(go_on, artifact)
            if incoming.digest() != artifact:
                raise ArtifactDamaged(artifact, self)
            self._cache.keep(incoming)

    def _upload(self, artifact: bytes) -> None:
        if self.missing([artifact]):
            path = self._cache.path(artifact)
            self._retry(lambda: self._stub.Put(_chunks(artifact, path), timeout=TRANSFER_TIMEOUT_S), artifact)

    def _retry(self, call: Callable[[], Answer], artifact: bytes = b"") -> Answer:
        """Call again, later and later, while the service cannot be reached; raise StoreUnavailable after PATIENCE_S."""
        delay_s = RETRY_DELAY_S
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                status, detail = cast(Any, error).code(), cast(Any, error).details()
                if status not in RETRIED:
                    raise self._translated(status, detail, artifact) from error
                if time.monotonic() > give_up_at:
                    raise StoreUnavailable(
                        f"the artifact store at {self.address} does not respond: {detail}"
                    ) from error
            time.sleep(delay_s * random.uniform(0.5, 1))
            delay_s = min(2 * delay_s, RETRY_DELAY_MAX_S)

    def _translated(self, status: grpc.StatusCode, detail: str, artifact: bytes) -> ArtifactStoreError:
        if status is grpc.StatusCode.NOT_FOUND:
            return ArtifactMissing(artifact, self)
        if status is grpc.StatusCode.DATA_LOSS:
            return ArtifactDamaged(artifact, self)
        if status is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return StoreFull(self.address, detail=detail)
        return (BadHash if status is grpc.StatusCode.INVALID_ARGUMENT else ArtifactStoreError)(detail)


def _chunks(artifact: bytes, path: Path) -> Iterator[pb.PutRequest]:
    """The whole file; an empty one is one empty message."""
    with open(path, "rb", buffering=0) as file:
        yield pb.PutRequest(artifact=artifact, chunk=file.read(CHUNK_BYTES))
        while chunk := file.read(CHUNK_BYTES):
            yield pb.PutRequest(chunk=chunk)


def _checkpoint_chunks(
    key: LogKey, head: pb.CheckpointHead, parts: Sequence[bytes | memoryview]
) -> Iterator[pb.PutCheckpointRequest]:
    name = pb.LogKey(run_id=key.run_id, node=key.node, item=key.item, attempt=key.attempt, grant=key.grant)
    yield pb.PutCheckpointRequest(key=name, head=head)
    for part in parts:
        for at in range(0, len(part), CHUNK_BYTES):
            yield pb.PutCheckpointRequest(chunk=bytes(part[at : at + CHUNK_BYTES]))
