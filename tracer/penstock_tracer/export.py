"""Spans to an OpenTelemetry collector over OTLP: as long as it takes, since nothing else remembers them."""

import asyncio
import logging
import os
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from penstock_observability import metrics

from .spans import Place, Span

# Of up to some 10 KiB each: collectors take messages of 4 MiB.
SPANS_AT_ONCE: Final = 256
BACKOFF_MIN_S: Final = 0.2
BACKOFF_MAX_S: Final = 30.0
SERVICE: Final = "penstock"
SCOPE: Final = InstrumentationScope("penstock_tracer")

log = logging.getLogger(__name__)
_exported: Final = metrics.SPANS.labels("exported")
_failed: Final = metrics.SPANS.labels("failed")


class Exporter:
    """One collector.

    Args:
        address: HOST:PORT, without TLS; empty: as OpenTelemetry's own variables OTEL_EXPORTER_OTLP_* say.
    """

    def __init__(self, address: str) -> None:
        direct: Any = (("grpc.enable_http_proxy", 0),)
        self._otlp: Any = OTLPSpanExporter(
            endpoint=f"http://{address}" if address else None, channel_options=direct if address else None
        )
        self._resource = Resource.create({SERVICE_NAME: os.environ.get(OTEL_SERVICE_NAME, SERVICE)})
        self._away = False

    async def export(self, spans: Sequence[Span]) -> None:
        """Return once the collector has all of them."""
        for at in range(0, len(spans), SPANS_AT_ONCE):
            await self._export([self._readable(span) for span in spans[at : at + SPANS_AT_ONCE]])

    async def stop(self) -> None:
        """Give up what is on its way."""
        await asyncio.to_thread(self._otlp.shutdown)

    async def _export(self, spans: Sequence[ReadableSpan]) -> None:
        delay_s = BACKOFF_MIN_S
        while await asyncio.to_thread(self._otlp.export, spans) is not SpanExportResult.SUCCESS:
            _failed.inc(len(spans))
            self._away = True
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, BACKOFF_MAX_S)
        _exported.inc(len(spans))
        if self._away:
            log.info("the collector accepts spans again")
        self._away = False

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name,
            context=_context(span.place),
            parent=span.parent and _context(span.parent),
            resource=self._resource,
            attributes=span.attributes,
            links=[Link(_context(place)) for place in span.links],
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.UNSET) if span.failure is None else Status(StatusCode.ERROR, span.failure),
            start_time=span.start_us * 1000,
            end_time=span.end_us * 1000,
            instrumentation_scope=SCOPE,
        )


def _context(place: Place) -> SpanContext:
    return SpanContext(place.trace_id, place.span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
