"""What can go wrong with artifacts and logs: each error names the thing and the remedy."""


class ArtifactStoreError(Exception):
    """Base of all errors of this package."""


class ArtifactMissing(ArtifactStoreError):
    """No artifact of this hash is in the store."""

    def __init__(self, artifact: bytes, where: object) -> None:
        super().__init__(f"artifact {artifact.hex()} is not in {where}; run the step that makes it again")
        self.artifact = artifact


class ArtifactDamaged(ArtifactStoreError):
    """The stored bytes do not have the hash that names them. The damaged file has been set aside."""

    def __init__(self, artifact: bytes, where: object) -> None:
        super().__init__(
            f"artifact {artifact.hex()} in {where} is damaged: its bytes do not have this hash. "
            "It was set aside; running the step that makes it again repairs it. Check the disk"
        )
        self.artifact = artifact


class BadHash(ArtifactStoreError):
    """What should name an artifact is not a SHA-256 digest, or not the digest of the bytes that came with it."""


class BadLogKey(ArtifactStoreError):
    """What should name the output of an execution does not."""


class StoreFull(ArtifactStoreError):
    """The disk (or a quota, or a limit of the process) took no more bytes; nothing of the write is left."""

    def __init__(self, folder: object, free_bytes: int | None = None, detail: str = "") -> None:
        """`detail`: what a remote store said instead."""
        free = "" if free_bytes is None else f" ({free_bytes} bytes free)"
        super().__init__(detail or f"no room in {folder}{free}: free some space or move the data folder")
        self.folder, self.free_bytes = folder, free_bytes


class StoreUnavailable(ArtifactStoreError):
    """The artifact service does not answer; what was asked may be asked again."""
