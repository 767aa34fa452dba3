"""The settings of a registry."""

from typing import ClassVar

from penstock_service.settings import Address, Addresses, Dsn, ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """The registry: names, versions and aliases of workflows and their types."""

    service: ClassVar[str] = "penstock-registry"

    listen: Address = Field(
        default="127.0.0.1:7738", description="HOST:PORT that the gRPC server listens on; clients connect to it."
    )
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    database_url: Dsn = Field(
        description="DSN of the Postgres database with the registry's log; the same for all registries. It may be one "
        "of the State Tracker's.",
    )
