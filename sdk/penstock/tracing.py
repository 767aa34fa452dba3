"""The trace of the run that an operator works for: spans that the operator makes become a part of it.

OpenTelemetry is the operator's own choice: it is not imported here unless the operator has.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context

# W3C trace context of the attempt, also for the programs that an operator starts.
VARIABLE: Final = "TRACEPARENT"
TRACEPARENT_CHARS: Final = 55
# The variable as the C library has it. It keeps every value that it is given a copy of, some 100 bytes an action.
_putenv: Any = ctypes.CDLL(None).putenv if os.name == "posix" else None
_exported = ctypes.create_string_buffer(len(VARIABLE) + 1 + TRACEPARENT_CHARS + 1)


def context() -> Context:
    """Return the OpenTelemetry context of the attempt that executes; an empty one outside of operators.

    It is the current one already where `opentelemetry` was imported at the top of the operator's module. Where it is
    imported within the operator, or in another thread, pass it on: `tracer.start_as_current_span("load", context())`.
    """
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": os.environ[VARIABLE]} if VARIABLE in os.environ else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def enter(traceparent: str) -> None:
    """Let what executes from now on in this process be a part of an attempt; called before each operator."""
    _export(traceparent)
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.context import attach

        attach(context())


def _export(traceparent: str) -> None:
    """Set the variable, for Python and for programs that are started, without a new copy of it."""
    if _putenv is None or len(traceparent) != TRACEPARENT_CHARS:
        os.environ[VARIABLE] = traceparent
        return
    _exported.value = f"{VARIABLE}={traceparent}".encode()
    _putenv(_exported)
    python_has: Any = os.environ
    python_has._data[VARIABLE.encode()] = traceparent.encode()
