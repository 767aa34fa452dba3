"""Submit runs, wait for them, watch them: `Client` in ordinary code, `AsyncClient` in asyncio."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .client import Client
    from .errors import (
        AmbiguousRun,
        BadFormat,
        BadInputs,
        BadOutput,
        ClientError,
        IdTaken,
        NoSuchOutput,
        NoSuchRun,
        Overloaded,
        PlanRefused,
        Refused,
        ResultTimeout,
        RunCancelled,
        RunFailed,
        SaveFailed,
        Unreachable,
    )
    from .outputs import Output
    from .progress import Progress
    from .runs import LogLine, Run, RunInfo
    from .saving import Saved
    from .view import Attempt, NodeState, NodeView, RunState, RunView

__all__ = [
    "AmbiguousRun",
    "AsyncClient",
    "Attempt",
    "BadFormat",
    "BadInputs",
    "BadOutput",
    "Client",
    "ClientError",
    "IdTaken",
    "LogLine",
    "NoSuchOutput",
    "NoSuchRun",
    "NodeState",
    "NodeView",
    "Output",
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
    "SaveFailed",
    "Saved",
    "Unreachable",
]

# Imported when first used: gRPC takes its time, and the command line looks here before it needs it.
_MODULES = {
    "async_client": ("AsyncClient",),
    "client": ("Client",),
    "errors": (
        "AmbiguousRun",
        "BadFormat",
        "BadInputs",
        "BadOutput",
        "ClientError",
        "IdTaken",
        "NoSuchOutput",
        "NoSuchRun",
        "Overloaded",
        "PlanRefused",
        "Refused",
        "ResultTimeout",
        "RunCancelled",
        "RunFailed",
        "SaveFailed",
        "Unreachable",
    ),
    "outputs": ("Output",),
    "progress": ("Progress",),
    "runs": (
        "LogLine",
        "Run",
        "RunInfo",
    ),
    "saving": ("Saved",),
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
