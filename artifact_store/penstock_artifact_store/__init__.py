"""Immutable values by the hash of their bytes, and the output of operators."""

from .errors import (
    ArtifactDamaged,
    ArtifactMissing,
    ArtifactStoreError,
    BadHash,
    BadLogKey,
    StoreFull,
    StoreUnavailable,
)
from .logs import LOG_BYTES_MAX, Line, LogKey, LogReader, LogWriter
from .store import LocalStore

__all__ = [
    "LOG_BYTES_MAX",
    "ArtifactDamaged",
    "ArtifactMissing",
    "ArtifactStoreError",
    "BadHash",
    "BadLogKey",
    "Line",
    "LocalStore",
    "LogKey",
    "LogReader",
    "LogWriter",
    "StoreFull",
    "StoreUnavailable",
]
