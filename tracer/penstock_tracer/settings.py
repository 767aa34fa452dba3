"""What a tracer is told by its environment."""

from pathlib import Path
from typing import ClassVar

from penstock_service.settings import Address, Addresses
from penstock_stream.settings import StreamSettings
from pydantic import Field


class Settings(StreamSettings):
    """The tracer: one trace a run, for an OpenTelemetry collector. One instance a deployment."""

    service: ClassVar[str] = "penstock-tracer"

    listen: Address = Field(
        default="127.0.0.1:7737", description="HOST:PORT that the gRPC server listens on, for health alone."
    )
    state_trackers: Addresses = Field(
        min_length=1, description="HOST:PORT of every State Tracker, separated by commas."
    )
    otlp: Address = Field(
        default="",
        description="HOST:PORT of an OpenTelemetry collector that takes OTLP over gRPC, without TLS. If empty, "
        "OpenTelemetry's own variables say where and how: OTEL_EXPORTER_OTLP_ENDPOINT and others.",
    )
    tracer_folder: Path | None = Field(
        default=None,
        description="Folder in which it remembers how far it came; without one, runs that end while it is down have "
        "no trace.",
    )
