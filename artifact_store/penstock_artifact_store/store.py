"""Artifacts in a local folder: immutable files named by the SHA-256 of their bytes."""

import hashlib
import os
import time
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from penstock_proto.artifact_store.v1 import service_pb2 as pb

from . import checkpoints
from .errors import ArtifactDamaged, ArtifactMissing, BadHash
from .incoming import Incoming, raise_if_full, sync_folder
from .logs import LogKey
from .results import Results
from .sweeping import Swept, is_renewed, lock, sweep

CHUNK_BYTES = 1 << 20
DIGEST_BYTES = 32
HASHED_FIRST_BYTES_MAX = 1 << 20  # larger ones are written while they are hashed, and dropped if they are there
KNOWN_MAX = 65_536  # hashes remembered by one process as durable or verified
OWN_ALONE = 0o700  # who wants to share the folder with other users makes it before
ABANDONED_AFTER_S = 24 * 3600.0  # a temporary file so old belongs to a process that died


class LocalStore:
    """Safe for any number of processes and threads at once: files appear whole and never change.

    Nothing that comes from outside ever becomes a path: only 32-byte hashes do, in hex.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._objects = self.folder / "objects"
        self._temporary = self.folder / "incoming"
        self._damaged = self.folder / "damaged"
        self._durable: set[bytes] = set()
        self._verified: set[bytes] = set()
        self.results = Results(self.folder, self._are_whole)
        _make_folder(self.folder, OWN_ALONE)
        for each in (self._objects, self._temporary, self._damaged):
            _make_folder(each)

    def __repr__(self) -> str:
        return f"LocalStore({str(self.folder)!r})"

    def put(self, data: bytes | memoryview) -> bytes:
        """Keep bytes durably and return their hash; raises StoreFull."""
        return self.put_parts((data,))

    def put_parts(self, parts: Sequence[bytes | memoryview]) -> bytes:
        """Keep the parts, one after the other, as one artifact; raises StoreFull."""
        if sum(map(len, parts)) <= HASHED_FIRST_BYTES_MAX:
            artifact = hashlib.sha256(b"".join(parts)).digest()
            if self._is_settled(artifact):
                return artifact
        with self.incoming() as incoming:
            for part in parts:
                incoming.write(part)
            return self.keep(incoming)

    def put_file(self, path: Path) -> tuple[bytes, int]:
        """Keep a copy of a file durably and return its hash and size in bytes; raises StoreFull."""
        with open(path, "rb", buffering=0) as source, self.incoming() as incoming:
            while chunk := source.read(CHUNK_BYTES):
                incoming.write(chunk)
            return self.keep(incoming), incoming.size

    def incoming(self) -> Incoming:
        """Room for bytes that arrive in parts: write them, then `keep` it, within its `with`."""
        return Incoming(self._temporary)

    def keep(self, incoming: Incoming) -> bytes:
        """Make what arrived an artifact, durably, and return its hash."""
        artifact = incoming.digest()
        if not self._is_settled(artifact):
            self._keep(incoming, artifact)
        return artifact

    def get(self, artifact: bytes) -> bytes:
        """Return the bytes, verified; raises ArtifactMissing, ArtifactDamaged."""
        try:
            data = self._locate(artifact).read_bytes()
        except FileNotFoundError:
            raise ArtifactMissing(artifact, self.folder) from None
        if hashlib.sha256(data).digest() != artifact:
            self._set_aside(artifact)
            raise ArtifactDamaged(artifact, self.folder)
        return data

    def path(self, artifact: bytes) -> Path:
        """Return the file itself, to read or map, never to change; its bytes are verified once a process."""
        path = self._locate(artifact)
        if artifact in self._verified and path.exists():
            return path
        try:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except FileNotFoundError:
            raise ArtifactMissing(artifact, self.folder) from None
        if digest != artifact:
            self._set_aside(artifact)
            raise ArtifactDamaged(artifact, self.folder)
        _remember(self._verified, artifact)
        return path

    def unverified_path(self, artifact: bytes) -> Path:
        """Return the file without reading it, for a look at its beginning; raises ArtifactMissing."""
        path = self._locate(artifact)
        if not path.exists():
            raise ArtifactMissing(artifact, self.folder)
        return path

    def has(self, artifact: bytes) -> bool:
        """Whether it is there; says nothing about damage."""
        return self._locate(artifact).exists()

    def missing(self, artifacts: Iterable[bytes]) -> list[bytes]:
        """Those that are not there."""
        return [artifact for artifact in artifacts if not self.has(artifact)]

    def claim(self, artifacts: Iterable[bytes]) -> list[bytes]:
        """Return those that are not there; the others stay for the grace period of a sweep, to be referred to."""
        return [artifact for artifact in artifacts if not is_renewed(self.folder, self._locate(artifact))]

    def collect(self, keep: Container[bytes], before_s: float, *, dry_run: bool = False) -> Swept:
        """Remove all artifacts but these and those that were stored or claimed since that Unix time."""
        return sweep(self.folder, self._objects, keep, before_s, dry_run=dry_run)

    def size(self, artifact: bytes) -> int:
        """Size in bytes; raises ArtifactMissing."""
        try:
            return self._locate(artifact).stat().st_size
        except FileNotFoundError:
            raise ArtifactMissing(artifact, self.folder) from None

    def put_checkpoint(self, key: LogKey, codec: str, parts: Sequence[bytes | memoryview]) -> None:
        """Keep a checkpoint durably in place of the one before; raises BadLogKey, StoreFull."""
        with self.incoming() as incoming:
            for part in parts:
                incoming.write(part)
            checkpoints.keep_checkpoint(self.folder, key, codec, incoming)

    def checkpoint(self, run_id: bytes, node: int, item: Sequence[int] = ()) -> tuple[str, memoryview] | None:
        """Return codec and bytes of what the latest attempt of a node kept; None: nothing."""
        found = checkpoints.find_checkpoint(self.folder, run_id, node, item)
        return None if found is None else (found.head.codec, found.data)

    def remove_checkpoints(self, run_id: bytes, node: int = -1, item: Sequence[int] = ()) -> None:
        """Remove what a node kept, or with -1 what all nodes of a run kept; harmless when repeated."""
        checkpoints.remove_checkpoints(self.folder, run_id, node, item)

    def find_result(self, request: pb.FindResultRequest) -> pb.FindResultResponse:
        """Return the outputs of an earlier execution of the same call, if there is one; raises BadLogKey, StoreFull."""
        return self.results.find(request)

    def keep_result(self, request: pb.KeepResultRequest) -> None:
        """Keep the outputs of a call for later ones; raises BadLogKey, StoreFull."""
        self.results.keep(request)

    def _are_whole(self, artifacts: Iterable[bytes]) -> bool:
        """Whether artifacts are there with the right bytes; if so, they stay for the grace period of a sweep."""
        named = list(artifacts)
        if self.claim(named):
            return False
        try:
            return all(self.path(artifact).exists() for artifact in named)
        except (ArtifactMissing, ArtifactDamaged):
            return False

    def sweep(self, older_than_s: float = ABANDONED_AFTER_S) -> int:
        """Remove what killed processes left half-written, and return how many files that were."""
        removed = 0
        for entry in os.scandir(self._temporary):
            try:
                if time.time() - entry.stat().st_mtime > older_than_s:
                    os.unlink(entry.path)
                    removed += 1
            except FileNotFoundError:
                continue  # its writer ended meanwhile
        return removed

    def _locate(self, artifact: bytes) -> Path:
        if not isinstance(artifact, bytes) or len(artifact) != DIGEST_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance] # comes from outside
            raise BadHash(f"an artifact is named by the {DIGEST_BYTES} bytes of a SHA-256, not by {artifact!r:.100}")
        name = artifact.hex()
        return self._objects / name[:2] / name

    def _is_settled(self, artifact: bytes) -> bool:
        """Whether it is there and durable: another process may have named it and not yet synced the name."""
        path = self._locate(artifact)
        if not is_renewed(self.folder, path):
            return False
        if artifact not in self._durable:
            sync_folder(path.parent)
            sync_folder(self._objects)
            _remember(self._durable, artifact)
        return True

    def _keep(self, incoming: Incoming, artifact: bytes) -> None:
        path = self._locate(artifact)
        try:
            _make_folder(path.parent)
        except OSError as error:
            raise_if_full(error, self.folder)
            raise
        with lock(self.folder, alone=False):  # a sweep that has looked at a file of that name must not remove this one
            incoming.keep(path)
        _remember(self._durable, artifact)

    def _set_aside(self, artifact: bytes) -> None:
        """Move a damaged file away, so that a later put of the same bytes is written again."""
        self._durable.discard(artifact)
        self._verified.discard(artifact)
        try:
            os.replace(self._locate(artifact), self._damaged / artifact.hex())
        except FileNotFoundError:
            return  # another reader was faster


def _make_folder(folder: Path, mode: int = 0o777) -> None:
    if not folder.exists():
        folder.mkdir(mode, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def _remember(known: set[bytes], artifact: bytes) -> None:
    if len(known) >= KNOWN_MAX:
        known.clear()
    known.add(artifact)
