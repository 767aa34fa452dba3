"""The settings of an artifact store."""

from pathlib import Path
from typing import ClassVar

from penstock_service.settings import Address, ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """The artifact store: immutable values by hash, and operators' output."""

    service: ClassVar[str] = "penstock-artifact-store"

    listen: Address = Field(default="127.0.0.1:7736", description="HOST:PORT that the gRPC server listens on.")
    artifact_folder: Path = Field(description="Folder that holds the artifacts; created if it does not exist.")
