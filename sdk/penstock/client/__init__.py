"""Submit runs, wait for them, watch them: `Client` in ordinary code, `AsyncClient` in asyncio."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client
    from .errors import (
        AmbiguousRun,
        BadInputs,
        BadOutput,
        ClientError,
        IdTaken,
        NoSuchRun,
        Overloaded,
        PlanRefused,
        Refused,
        ResultTimeout,
        RunCancelled,
        RunFailed,
        Unreachable,
    )
    from .progress import Progress
    from .runs import LogLine, Run, RunInfo
    from .view import Attempt, NodeState, NodeView, RunState, RunView

__all__ = [
    "AmbiguousRun",
    "AsyncClient",
    "Attempt",
    "BadInputs",
    "BadOutput",
    "Client",
    "ClientError",
    "IdTaken",
    "LogLine",
    "NoSuchRun",
    "NodeState",
    "NodeView",
    "Overloaded",
    "PlanRefused",
    "Progress",
    "Refused",
    "ResultTimeout",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunInfo",
    "RunState",
    "RunView",
    "Unreachable",
]

# Imported when first used: gRPC takes its time, and the command line looks here before it needs it.
_MODULES = {
    "async_client": ("AsyncClient",),
    "client": ("Client",),
    "errors": (
        "AmbiguousRun",
        "BadInputs",
        "BadOutput",
        "ClientError",
        "IdTaken",
        "NoSuchRun",
        "Overloaded",
        "PlanRefused",
        "Refused",
        "ResultTimeout",
        "RunCancelled",
        "RunFailed",
        "Unreachable",
    ),
    "progress": ("Progress",),
    "runs": (
        "LogLine",
        "Run",
        "RunInfo",
    ),
    "view": (
        "Attempt",
        "NodeState",
        "NodeView",
        "RunState",
        "RunView",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if (module := _HOME.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{module}", __name__), name)
    return value
