"""The errors of artifacts and logs: each names the thing and the remedy."""


class ArtifactStoreError(Exception):
    """Base of all errors of this package."""


class ArtifactMissing(ArtifactStoreError):
    """No artifact of this hash is in the store."""

    def __init__(self, artifact: bytes, where: object) -> None:
        super().__init__(f"artifact {artifact.hex()} is not in {where}; run the step that creates it again")
        self.artifact = artifact


class ArtifactDamaged(ArtifactStoreError):
    """The stored bytes do not have the hash that names them. The corrupt file has been moved aside."""

    def __init__(self, artifact: bytes, where: object) -> None:
        super().__init__(
            f"artifact {artifact.hex()} in {where} is corrupt: its bytes do not have this hash. "
            "The file was moved aside. Run the step that creates it again, and check the disk"
        )
        self.artifact = artifact


class BadHash(ArtifactStoreError):
    """The name of an artifact is not a SHA-256 digest, or not the digest of the bytes sent with it."""


class BadLogKey(ArtifactStoreError):
    """The key of the output of an execution is invalid."""


class StoreFull(ArtifactStoreError):
    """The disk, a quota or a limit of the process is full; nothing of the write remains."""

    def __init__(self, folder: object, free_bytes: int | None = None, detail: str = "") -> None:
        """`detail`: what a remote store said instead."""
        free = "" if free_bytes is None else f" ({free_bytes} bytes free)"
        super().__init__(detail or f"the disk of {folder} is full{free}: free some space or move the data folder")
        self.folder, self.free_bytes = folder, free_bytes


class StoreUnavailable(ArtifactStoreError):
    """The artifact store does not respond; the call may be repeated."""
