"""Typed, parallel, durable machine-learning workflows in ordinary Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .compiler import Compiled, compile
from .errors import CompileErrors, FutureUsedAsValue, PenstockError
from .ml import Dataset, FeatureSet, Metrics, Model, Report
from .operators import Operator, operator
from .ordering import after, barrier
from .workflows import Workflow, workflow

if TYPE_CHECKING:
    from .client import AsyncClient, Client

__all__ = [
    "AsyncClient",
    "Client",
    "CompileErrors",
    "Compiled",
    "Dataset",
    "FeatureSet",
    "FutureUsedAsValue",
    "Metrics",
    "Model",
    "Operator",
    "PenstockError",
    "Report",
    "Workflow",
    "after",
    "barrier",
    "compile",
    "operator",
    "workflow",
]


def __getattr__(name: str) -> Any:
    # The client brings gRPC along, which those who only declare workflows need not wait for.
    if name in ("Client", "AsyncClient"):
        from . import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
