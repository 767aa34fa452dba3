"""What every service that uses the streams reads from its environment."""

from penstock_service.settings import Address, ServiceSettings
from pydantic import Field


class StreamSettings(ServiceSettings):
    """What services have in common that talk through the streams."""

    kafka: Address = Field(
        default="",
        description="HOST:PORT of a Kafka broker. If empty, there is no stream: services ask each other once a second.",
    )
    topic_prefix: str = Field(
        default="penstock", pattern=r"^[a-zA-Z0-9._-]{1,200}$", description="Of the topics PREFIX.events and others."
    )
    topic_partitions: int = Field(
        default=16, ge=1, le=1_024, description="Of topics that do not exist yet. Never change it afterwards."
    )
