"""The settings of every service that uses the streams."""

from pathlib import Path

from penstock_service.settings import Address, ServiceSettings
from pydantic import Field

from .kafka.security import Mechanism, Security


class StreamSettings(ServiceSettings):
    """The settings that all services with streams share."""

    kafka: Address = Field(
        default="",
        description="HOST:PORT of a Kafka broker. Default: without Kafka, services poll each other once a second.",
    )
    kafka_ca: str = Field(
        default="",
        description="File with the authorities of the brokers' certificates. With it, connections to Kafka are "
        "encrypted.",
    )
    kafka_certificate: str = Field(
        default="", description="File with a certificate of this service, where brokers require one."
    )
    kafka_key: str = Field(default="", description="File with the key of that certificate.")
    kafka_user: str = Field(default="", description="User at Kafka (SASL), where brokers require one.")
    kafka_password_file: Path | None = Field(default=None, description="File with the password of that user.")
    kafka_mechanism: Mechanism = Field(default="SCRAM-SHA-512", description="Mechanism of SASL for that user.")
    topic_prefix: str = Field(
        default="penstock",
        pattern=r"^[a-zA-Z0-9._-]{1,200}$",
        description="Prefix of the topics, such as PREFIX.events.",
    )
    topic_partitions: int = Field(
        default=16, ge=1, le=1_024, description="Number of partitions of new topics. Never change it afterwards."
    )

    @property
    def kafka_security(self) -> Security:
        return Security(
            ca=self.kafka_ca,
            certificate=self.kafka_certificate,
            key=self.kafka_key,
            user=self.kafka_user,
            password_file=self.kafka_password_file,
            mechanism=self.kafka_mechanism,
        )
