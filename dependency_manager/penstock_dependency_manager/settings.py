"""The settings of a Dependency Manager."""

from typing import ClassVar, Self

from penstock_service.settings import Address, Addresses
from penstock_stream.settings import StreamSettings
from pydantic import Field, model_validator


class Settings(StreamSettings):
    """The Dependency Manager: finds the actions that became ready."""

    service: ClassVar[str] = "penstock-dependency-manager"

    listen: Address = Field(default="127.0.0.1:7734", description="HOST:PORT that the gRPC server listens on.")
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    split_count: int = Field(
        default=1,
        ge=1,
        description="Number of parts that the shards are divided into, one for each Dependency Manager. Several may "
        "serve the same part, which is safe.",
    )
    split_index: int = Field(default=0, ge=0, description="Part that this instance serves, from 0.")

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.split_index >= self.split_count:
            raise ValueError(
                f"PENSTOCK_SPLIT_INDEX={self.split_index} is out of range: expected 0 to {self.split_count - 1}"
            )
        return self

    def mine(self, shards: int) -> list[int]:
        """Return the shards of this part."""
        return list(range(self.split_index, shards, self.split_count))
