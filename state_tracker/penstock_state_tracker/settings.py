"""The settings of a State Tracker."""

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
        description="DSNs of the Postgres databases with the event log: the same databases in the same order for "
        "all State Trackers of a deployment.",
    )
    shards: int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Number of shards of a new deployment. Default: 256. It can never be changed.",
    )
    artifact_store: Address = Field(
        default="", description="Address of the artifact store that clients use. Default: the address of this instance."
    )
    artifact_folder: str = Field(
        default="", description="Folder of the artifact store, for clients that can access the same files."
    )
    action_services: Addresses = Field(
        default=(),
        description="Addresses of the Action Services that clients use. Default: the address of this instance.",
    )
    registry: Address = Field(
        default="", description="Address of the registry that clients use. Default: the address of this instance."
    )
    history: Address = Field(
        default="",
        description="Address of the history service that clients use. Default: the address of this instance.",
    )
    notifications: Address = Field(
        default="",
        description="Address of the notifications service that clients use. Default: the address of this instance.",
    )
