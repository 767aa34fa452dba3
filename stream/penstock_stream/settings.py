"""The settings of every service that uses the streams."""

from penstock_service.settings import Address, ServiceSettings
from pydantic import Field


class StreamSettings(ServiceSettings):
    """The settings that all services with streams share."""

    kafka: Address = Field(
        default="",
        description="HOST:PORT of a Kafka broker. Default: without Kafka, services poll each other once a second.",
    )
    topic_prefix: str = Field(
        default="penstock",
        pattern=r"^[a-zA-Z0-9._-]{1,200}$",
        description="Prefix of the topics, such as PREFIX.events.",
    )
    topic_partitions: int = Field(
        default=16, ge=1, le=1_024, description="Number of partitions of new topics. Never change it afterwards."
    )
