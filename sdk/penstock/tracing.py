"""The trace of the run that an operator works for: spans that the operator makes become a part of it.

OpenTelemetry is the operator's own choice: it is not imported here unless the operator has.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context

# W3C trace context of the attempt, also for the programs that an operator starts.
VARIABLE: Final = "TRACEPARENT"


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
    os.environ[VARIABLE] = traceparent
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry.context import attach

        attach(context())
