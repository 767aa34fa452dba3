"""The settings of a tracer."""

from pathlib import Path
from typing import ClassVar

from penstock_service.settings import Address, Addresses
from penstock_stream.settings import StreamSettings
from pydantic import Field


class Settings(StreamSettings):
    """The tracer: sends one trace per run to an OpenTelemetry collector. Run one instance per deployment."""

    service: ClassVar[str] = "penstock-tracer"

    listen: Address = Field(
        default="127.0.0.1:7737", description="HOST:PORT that the gRPC server listens on, only for health checks."
    )
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    otlp: Address = Field(
        default="",
        description="HOST:PORT of an OpenTelemetry collector (OTLP over gRPC, without TLS). Default: as set by "
        "OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    tracer_folder: Path | None = Field(
        default=None,
        description="Folder where the tracer saves its position. Without it, runs that end while the tracer is down "
        "have no trace.",
    )
