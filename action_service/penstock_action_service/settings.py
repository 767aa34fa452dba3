"""What an Action Service is told by its environment."""

import json
from typing import Annotated, Any, ClassVar

from penstock_proto.wire import DEFAULT_POOL
from penstock_service.settings import Address, Addresses, Dsn, Names
from penstock_stream.settings import StreamSettings
from pydantic import BeforeValidator, Field, PositiveFloat, WithJsonSchema
from pydantic_settings import NoDecode


def _weights(value: Any) -> Any:
    """Read TEAM=WEIGHT,TEAM=WEIGHT, or a JSON object."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return json.loads(value)
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return {team.strip(): weight.strip() for team, _, weight in pairs}


Weights = Annotated[
    dict[str, PositiveFloat],
    NoDecode,
    BeforeValidator(_weights),
    WithJsonSchema({"type": "object", "format": "TEAM=WEIGHT, several separated by commas"}),
]


class Settings(StreamSettings):
    """The Action Service: says who runs where and when, and speaks to workers."""

    service: ClassVar[str] = "penstock-action-service"

    listen: Address = Field(
        default="127.0.0.1:7735", description="HOST:PORT that the gRPC server listens on; workers connect to it."
    )
    state_trackers: Addresses = Field(
        min_length=1, description="HOST:PORT of every State Tracker, separated by commas."
    )
    dependency_managers: Addresses = Field(
        min_length=1, description="HOST:PORT of every Dependency Manager, separated by commas."
    )
    database_url: Dsn = Field(
        description="DSN of the Postgres database with the leases of pools, the same for every Action Service.",
    )
    pools: Names = Field(
        default=(DEFAULT_POOL,),
        min_length=1,
        description="Pools that this instance may own, separated by commas. Of several instances that name a pool, "
        "one owns it at a time.",
    )
    team_weights: Weights = Field(default={}, description="Shares of teams in the pools; 1 where not named.")
    worker_lease_s: float = Field(
        default=10.0, gt=0, description="Seconds of a worker's silence after which what it held is lost."
    )
