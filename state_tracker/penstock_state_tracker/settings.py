"""What a State Tracker is told by its environment."""

from typing import ClassVar

from penstock_service.settings import Address, Addresses, Dsns
from penstock_stream.settings import StreamSettings
from pydantic import Field


class Settings(StreamSettings):
    """The State Tracker: the only writer of the logs."""

    service: ClassVar[str] = "penstock-state-tracker"

    listen: Address = Field(
        default="127.0.0.1:7733", description="HOST:PORT that the gRPC server listens on; clients connect to it."
    )
    database_urls: Dsns = Field(
        min_length=1,
        description="DSNs of the Postgres databases with the logs, separated by commas: the same ones, in the same "
        "order, for every State Tracker of a deployment.",
    )
    shards: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Logs that a new deployment is made with, 256 if not given; it can never be changed.",
    )
    artifact_store: Address = Field(
        default="", description="HOST:PORT of the artifact store, told to clients; this instance's own, if empty."
    )
    artifact_folder: str = Field(
        default="", description="Folder of the artifact store, told to clients that see the same files; may be empty."
    )
    action_services: Addresses = Field(
        default=(), description="HOST:PORT of each Action Service, told to clients; this instance's own, if empty."
    )
