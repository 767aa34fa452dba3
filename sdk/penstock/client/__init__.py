"""Submit runs, wait for them, watch them: `Client` in ordinary code, `AsyncClient` in asyncio."""

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
