"""Submit runs, wait for them, watch them: `Client` in ordinary code, `AsyncClient` in asyncio."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .children import ChildRun
    from .client import Client
    from .errors import (
        AliasElsewhere,
        AmbiguousRun,
        BadFormat,
        BadInputs,
        BadOutput,
        CertificateUnusable,
        ClientError,
        IdTaken,
        Incompatible,
        NoSuchOutput,
        NoSuchRun,
        NotRegistered,
        Overloaded,
        PlanRefused,
        Refused,
        ResultTimeout,
        RunCancelled,
        RunFailed,
        RunRemoved,
        SaveFailed,
        UnknownPool,
        Unreachable,
    )
    from .node_progress import NodeProgress
    from .outputs import Output
    from .progress import Progress
    from .registered import (
        AliasMove,
        BadReference,
        Change,
        Deployed,
        Form,
        TypeInfo,
        WorkflowInfo,
        WorkflowVersion,
    )
    from .registry import AsyncRegistry, Registry
    from .removal import Collected
    from .runs import LogLine, Run, RunInfo, RunList
    from .saving import Saved
    from .view import Attempt, NodeState, NodeView, RunState, RunView
    from .waiting import NothingToAnswer, Waiting

__all__ = [
    "AliasElsewhere",
    "AliasMove",
    "AmbiguousRun",
    "AsyncClient",
    "AsyncRegistry",
    "Attempt",
    "BadFormat",
    "BadInputs",
    "BadOutput",
    "BadReference",
    "CertificateUnusable",
    "Change",
    "ChildRun",
    "Client",
    "ClientError",
    "Collected",
    "Deployed",
    "Form",
    "IdTaken",
    "Incompatible",
    "LogLine",
    "NoSuchOutput",
    "NoSuchRun",
    "NodeProgress",
    "NodeState",
    "NodeView",
    "NotRegistered",
    "NothingToAnswer",
    "Output",
    "Overloaded",
    "PlanRefused",
    "Progress",
    "Refused",
    "Registry",
    "ResultTimeout",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunInfo",
    "RunList",
    "RunRemoved",
    "RunState",
    "RunView",
    "SaveFailed",
    "Saved",
    "TypeInfo",
    "UnknownPool",
    "Unreachable",
    "Waiting",
    "WorkflowInfo",
    "WorkflowVersion",
]

# Imported when first used: gRPC takes its time, and the command line looks here before it needs it.
_MODULES = {
    "async_client": ("AsyncClient",),
    "client": ("Client",),
    "errors": (
        "AliasElsewhere",
        "AmbiguousRun",
        "BadFormat",
        "BadInputs",
        "BadOutput",
        "CertificateUnusable",
        "ClientError",
        "IdTaken",
        "Incompatible",
        "NoSuchOutput",
        "NoSuchRun",
        "NotRegistered",
        "Overloaded",
        "PlanRefused",
        "Refused",
        "ResultTimeout",
        "RunCancelled",
        "RunFailed",
        "RunRemoved",
        "SaveFailed",
        "UnknownPool",
        "Unreachable",
    ),
    "node_progress": ("NodeProgress",),
    "outputs": ("Output",),
    "progress": ("Progress",),
    "registered": (
        "AliasMove",
        "BadReference",
        "Change",
        "Deployed",
        "Form",
        "TypeInfo",
        "WorkflowInfo",
        "WorkflowVersion",
    ),
    "registry": ("AsyncRegistry", "Registry"),
    "removal": ("Collected",),
    "runs": (
        "LogLine",
        "Run",
        "RunInfo",
        "RunList",
    ),
    "saving": ("Saved",),
    "view": (
        "Attempt",
        "NodeState",
        "NodeView",
        "RunState",
        "RunView",
    ),
    "children": ("ChildRun",),
    "waiting": ("NothingToAnswer", "Waiting"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if (module := _HOME.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{module}", __name__), name)
    return value
