"""The settings of an Action Service."""

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
    WithJsonSchema({"type": "object", "format": "TEAM=WEIGHT, comma-separated"}),
]


class Settings(StreamSettings):
    """The Action Service: schedules actions and sends them to workers."""

    service: ClassVar[str] = "penstock-action-service"

    listen: Address = Field(
        default="127.0.0.1:7735", description="HOST:PORT that the gRPC server listens on; workers connect to it."
    )
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    dependency_managers: Addresses = Field(min_length=1, description="Addresses of all Dependency Managers.")
    database_url: Dsn = Field(
        description="DSN of the Postgres database with the leases of pools; the same for all Action Services.",
    )
    pools: Names = Field(
        default=(DEFAULT_POOL,),
        min_length=1,
        description="Pools that this instance may own. If several instances name a pool, one of them owns "
        "it at a time.",
    )
    team_weights: Weights = Field(default={}, description="Weights of teams in fair sharing. Default: 1 for each team.")
    worker_lease_s: float = Field(
        default=10.0, gt=0, description="Seconds without a heartbeat after which the actions of a worker are lost."
    )
