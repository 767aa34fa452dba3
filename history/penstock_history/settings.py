"""The settings of a history service."""

from typing import ClassVar

from penstock_service.settings import Address, Addresses, Dsn
from penstock_stream.settings import StreamSettings
from pydantic import Field


class Settings(StreamSettings):
    """The history service: answers lists, searches, timelines, comparisons and statistics of runs."""

    service: ClassVar[str] = "penstock-history"

    listen: Address = Field(default="127.0.0.1:7739", description="HOST:PORT that the gRPC server listens on.")
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    database_url: Dsn = Field(
        description="DSN of the Postgres database with the read models; the same for all history services. It may be "
        "any database: the tables are in a schema of their own.",
    )
