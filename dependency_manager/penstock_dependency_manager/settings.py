"""What a Dependency Manager is told by its environment."""

from typing import ClassVar, Self

from penstock_service.settings import Address, Addresses
from penstock_stream.settings import StreamSettings
from pydantic import Field, model_validator


class Settings(StreamSettings):
    """The Dependency Manager: says what became ready."""

    service: ClassVar[str] = "penstock-dependency-manager"

    listen: Address = Field(default="127.0.0.1:7734", description="HOST:PORT that the gRPC server listens on.")
    state_trackers: Addresses = Field(
        min_length=1, description="HOST:PORT of every State Tracker, separated by commas."
    )
    split_count: int = Field(
        default=1,
        ge=1,
        description="Parts that the shards are split into, each for one Dependency Manager or several: a shard with "
        "two of them is served by both, which does no harm.",
    )
    split_index: int = Field(default=0, ge=0, description="Which of the parts is this one's, from 0.")

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.split_index >= self.split_count:
            raise ValueError(f"PENSTOCK_SPLIT_INDEX={self.split_index} is none of {self.split_count} parts, from 0")
        return self

    def mine(self, shards: int) -> list[int]:
        """Return the shards of this part."""
        return list(range(self.split_index, shards, self.split_count))
