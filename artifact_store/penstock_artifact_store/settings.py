"""The settings of an artifact store."""

from pathlib import Path
from typing import ClassVar, Self

from penstock_service.settings import Address, Addresses, IncompleteAccess, ServiceSettings
from pydantic import Field, model_validator


class Settings(ServiceSettings):
    """The artifact store: immutable values by hash, and operators' output."""

    service: ClassVar[str] = "penstock-artifact-store"

    listen: Address = Field(default="127.0.0.1:7736", description="HOST:PORT that the gRPC server listens on.")
    artifact_folder: Path = Field(description="Folder that holds the artifacts; created if it does not exist.")
    state_trackers: Addresses = Field(
        default=(),
        description="Addresses of all State Trackers, which say whose output a caller may read; required with "
        "PENSTOCK_ACCESS.",
    )

    @model_validator(mode="after")
    def _require_state_trackers(self) -> Self:
        if self.access and not self.state_trackers:
            raise IncompleteAccess("PENSTOCK_STATE_TRACKERS: the addresses of all State Trackers")
        return self
