"""What stands at the end of OTLP: takes spans over gRPC and keeps them."""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.waiting import WAIT_S


class Collector:
    """The spans that came, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[trace_pb2.Span] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def Export(self, request: Any, context: Any) -> Any:
        with self._lock:
            self._spans += [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of(self, run_id: bytes) -> list[trace_pb2.Span]:
        """The spans of a run's trace."""
        with self._lock:
            return [span for span in self._spans if span.trace_id == run_id]

    def ended(self, run_id: bytes) -> trace_pb2.Span | None:
        """The span of the whole run."""
        return next((span for span in self.of(run_id) if not span.parent_span_id), None)

    def wait(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, "the spans did not come"
            time.sleep(0.02)


@contextmanager
def listening(collector: Collector) -> Generator[Collector]:
    """Listen until the block ends; again on the same port the next time."""
    server = grpc.server(ThreadPoolExecutor(2))
    generated: Any = trace_service_pb2_grpc
    generated.add_TraceServiceServicer_to_server(collector, server)
    collector.port = server.add_insecure_port(f"127.0.0.1:{collector.port}")
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


def attributes(span: trace_pb2.Span) -> dict[str, Any]:
    """What is said of a span."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


def named(spans: list[trace_pb2.Span], name: str) -> trace_pb2.Span:
    """The only span of that name."""
    (found,) = [span for span in spans if span.name == name]
    return found
