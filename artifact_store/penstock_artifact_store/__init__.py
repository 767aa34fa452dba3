"""Immutable values by the hash of their bytes, and the output of operators."""

from .errors import ArtifactDamaged, ArtifactMissing, ArtifactStoreError, BadHash, StoreFull, StoreUnavailable
from .store import LocalStore

__all__ = [
    "ArtifactDamaged",
    "ArtifactMissing",
    "ArtifactStoreError",
    "BadHash",
    "LocalStore",
    "StoreFull",
    "StoreUnavailable",
]
