"""Traces as users get them: over a real Kafka, with the spans of operators among those of the run."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock_service.health import is_ready
from penstock_stack.ports import choose_port

from tests.system.conftest import Served
from tests.tracer.collector import Collector, attributes, listening, named
from tests.waiting import wait_for

WORKFLOW = """
import os, time
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from penstock import operator, workflow

@operator
def load(collector: str) -> str:
    return collector

@operator
def train(collector: str, name: str) -> str:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"http://{collector}")))
    with provider.get_tracer("mine").start_as_current_span(f"epoch of {name}"):
        pass
    provider.shutdown()
    return os.environ["TRACEPARENT"]

@workflow
def both(collector: str) -> list[str]:
    where = load(collector)
    return [train(where, "a"), train(where, "b")]
"""


@contextmanager
def tracing(stack: Served, kafka: str, collector: Collector, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A tracer as a process of its own."""
    listen = f"127.0.0.1:{choose_port(0)}"
    settings = {
        "PENSTOCK_KAFKA": kafka,
        "PENSTOCK_STATE_TRACKERS": stack.address,
        "PENSTOCK_OTLP": collector.address,
        "PENSTOCK_TRACER_FOLDER": str(folder),
        "PENSTOCK_LISTEN": listen,
    }
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PENSTOCK_")} | settings
    process = subprocess.Popen([sys.executable, "-m", "penstock_tracer"], env=environment)
    try:
        wait_for(lambda: is_ready(listen) or process.poll() is not None)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def run(stack: Served, file: Path, collector: Collector) -> tuple[bytes, list[str]]:
    done = stack.cli("run", f"{file}:both", "--collector", collector.address, "--json")
    assert done.code == 0, done.err
    answer: Any = json.loads(done.out)
    return uuid.UUID(answer["run"]).bytes, next(iter(answer["outputs"].values()))


def test_the_embedded_stack_makes_traces_without_a_broker(
    make_data: Callable[[], Path], project: Callable[[str, str], Path]
) -> None:
    file = project("traced.py", WORKFLOW)
    with listening(Collector()) as collector:
        stack = Served(make_data(), "--cpu", "2", "--traces", collector.address)
        try:
            stack.start()
            run_id, _ = run(stack, file, collector)
            collector.wait(lambda: collector.ended(run_id))
        finally:
            stack.stop()
    assert sorted(span.name for span in collector.of(run_id)) == [
        "epoch of a",
        "epoch of b",
        "load",
        "traced:both",
        "train",
        "train-2",
    ]


def test_operators_spans_join_the_trace_of_their_run(
    make_data: Callable[[], Path], project: Callable[[str, str], Path], tmp_path: Path
) -> None:
    file = project("traced.py", WORKFLOW)
    stack = Served(make_data(), "--kafka", "--cpu", "2")
    try:
        stack.start()
        kafka = stack.log().split("events on Kafka at ", 1)[1].split(",")[0]
        with listening(Collector()) as collector:
            with tracing(stack, kafka, collector, tmp_path / "tracer"):
                first, contexts = run(stack, file, collector)
                collector.wait(lambda: collector.ended(first))
            between, _ = run(stack, file, collector)
            with tracing(stack, kafka, collector, tmp_path / "tracer"):
                collector.wait(lambda: collector.ended(between))
    finally:
        stack.stop()
    for run_id in (first, between):
        spans = collector.of(run_id)
        assert len(spans) == len({span.span_id for span in spans}) == 6
        by_id = {span.span_id: span for span in spans}
        for name in ("a", "b"):
            own = named(spans, f"epoch of {name}")
            assert attributes(by_id[own.parent_span_id])["penstock.operator"] == "traced:train"
            assert by_id[own.parent_span_id].parent_span_id in by_id
    expected = [f"00-{first.hex()}-{span.span_id.hex()}-01" for span in collector.of(first) if span.links]
    assert sorted(contexts) == sorted(expected)
