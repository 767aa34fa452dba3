"""The settings of a gateway."""

from typing import ClassVar, Final

from penstock_service.settings import Address, Addresses, Names, ServiceSettings
from pydantic import Field, model_validator

HTTP_PORT: Final = 7780
ARTIFACT_BYTES_MAX: Final = 64 * 2**30
UPLOAD_BYTES_MAX: Final = 2 * 2**30


class Settings(ServiceSettings):
    """The gateway: the REST API. It keeps no state, so that any number of instances can run side by side."""

    service: ClassVar[str] = "penstock-gateway"

    listen: Address = Field(
        default="127.0.0.1:7740", description="HOST:PORT that the gRPC server listens on, only for health checks."
    )
    http_listen: Address = Field(
        default=f"127.0.0.1:{HTTP_PORT}", description="HOST:PORT that the REST API listens on, over HTTP."
    )
    state_tracker: Address = Field(
        description="Address of a State Tracker, or HOST:PORT of a name that stands for all of them."
    )
    action_services: Addresses = Field(
        default=(), description="Addresses of all Action Services. Default: as the State Tracker says."
    )
    artifact_store: Address = Field(
        default="", description="Address of the artifact store. Default: as the State Tracker says."
    )
    registry: Address = Field(default="", description="Address of the registry. Default: as the State Tracker says.")
    http_hosts: Names = Field(
        default=(),
        description="Host names by which clients reach the REST API, such as penstock.example.org, besides loopback. "
        "A request for another host is refused, which protects against DNS rebinding.",
    )
    http_origins: Names = Field(
        default=(),
        description="Origins of web pages that may call the REST API besides its own, such as "
        "https://console.example.org.",
    )
    artifact_bytes_max: int = Field(
        default=ARTIFACT_BYTES_MAX, ge=1, le=2**50, description="Largest artifact that can be uploaded."
    )

    upload_bytes_max: int = Field(
        default=UPLOAD_BYTES_MAX,
        ge=1,
        le=2**50,
        description="Largest file that can be posted for an input. It is kept in the folder for temporary files until "
        "all of it is there.",
    )

    @model_validator(mode="after")
    def _http_closed(self) -> "Settings":
        """Refuse an address that others reach, unless that is wanted."""
        self.check_bind("PENSTOCK_HTTP_LISTEN", self.http_listen)
        return self
