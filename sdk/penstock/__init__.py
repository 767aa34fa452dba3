"""Typed, parallel, durable machine-learning workflows in ordinary Python."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call.checkpoints import checkpoint, last_checkpoint
    from .call.context import OperatorContext, context
    from .call.progress import progress
    from .call.secrets import secret
    from .client import AsyncClient, Client
    from .compiler.compilation import Compiled, compile
    from .declare.control import each, match, repeat, when
    from .declare.operators import Operator, operator, with_options
    from .declare.ordering import after, barrier, finally_, on_failure
    from .declare.static import Static
    from .declare.waiting import approval, sensor, signal, sleep, until
    from .declare.workflows import Workflow, workflow
    from .errors import CompileErrors, FutureUsedAsValue, PenstockError
    from .item_failures import ItemFailure, Kept
    from .ml import Dataset, FeatureSet, Metrics, Model, Report

__all__ = [
    "AsyncClient",
    "Client",
    "CompileErrors",
    "Compiled",
    "Dataset",
    "FeatureSet",
    "FutureUsedAsValue",
    "ItemFailure",
    "Kept",
    "Metrics",
    "Model",
    "Operator",
    "OperatorContext",
    "PenstockError",
    "Report",
    "Static",
    "Workflow",
    "after",
    "approval",
    "barrier",
    "checkpoint",
    "compile",
    "context",
    "each",
    "finally_",
    "last_checkpoint",
    "match",
    "on_failure",
    "operator",
    "progress",
    "repeat",
    "secret",
    "sensor",
    "signal",
    "sleep",
    "until",
    "when",
    "with_options",
    "workflow",
]

# Each name comes with its module when it is first used: the command line starts at once, and who only declares
# workflows waits neither for gRPC nor for the compiler.
_MODULES = {
    "call.checkpoints": ("checkpoint", "last_checkpoint"),
    "call.context": ("OperatorContext", "context"),
    "call.progress": ("progress",),
    "call.secrets": ("secret",),
    "client": ("AsyncClient", "Client"),
    "compiler.compilation": ("Compiled", "compile"),
    "errors": ("CompileErrors", "FutureUsedAsValue", "PenstockError"),
    "item_failures": ("ItemFailure", "Kept"),
    "ml": ("Dataset", "FeatureSet", "Metrics", "Model", "Report"),
    "declare.control": ("each", "match", "repeat", "when"),
    "declare.operators": ("Operator", "operator", "with_options"),
    "declare.ordering": ("after", "barrier", "finally_", "on_failure"),
    "declare.static": ("Static",),
    "declare.waiting": ("approval", "sensor", "signal", "sleep", "until"),
    "declare.workflows": ("Workflow", "workflow"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if (module := _HOME.get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
