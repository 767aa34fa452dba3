"""A broker that encrypts, and knows its clients by certificates and passwords."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from penstock_stack import certificates
from penstock_stack.kafka import EmbeddedKafka
from penstock_stream.kafka import security
from penstock_stream.kafka.client import describe_topics, ensure_topics
from penstock_stream.kafka.security import BadKafkaSecurity, Security

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


class SecureKafka(EmbeddedKafka):
    """It asks for a certificate and for a password."""

    def __init__(self, folder: Path, store: Path, ca: Path) -> None:
        super().__init__(folder)
        self._store, self._ca = store, ca

    def _settings(self, controller_port: int) -> str:
        plain = super()._settings(controller_port)
        text = plain.replace("PLAINTEXT:PLAINTEXT,", "SASL_SSL:SASL_SSL,").replace("=PLAINTEXT://", "=SASL_SSL://")
        return text + (
            "inter.broker.listener.name=SASL_SSL\n"
            "sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n"
            f'listener.name.sasl_ssl.plain.sasl.jaas.config={PLAIN} required username="broker" password="b" '
            'user_broker="b" user_penstock="a password";\n'
            f"ssl.keystore.type=PEM\nssl.keystore.location={self._store}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={self._ca}\nlistener.name.sasl_ssl.ssl.client.auth=required\n"
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Security]]:
    """The address of the broker, and what its clients need."""
    folder = tmp_path_factory.mktemp("secure")
    certificates.make_authority(folder / "certificates", "fleet")
    broker = certificates.issue(folder / "certificates", "kafka")
    store = folder / "store.pem"
    store.write_bytes(broker.key.read_bytes() + broker.certificate.read_bytes())
    (folder / "password").write_text("a password\n")
    mine = certificates.issue(folder / "certificates", "state-tracker").tls
    kafka = SecureKafka(folder / "kafka", store, broker.ca)
    kafka.start()
    yield (
        kafka.address,
        Security(
            ca=mine.ca, certificate=mine.certificate, key=mine.key, user="penstock",
            password_file=folder / "password", mechanism="PLAIN",
        ),
    )  # fmt: skip
    kafka.stop()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    security.use_security(Security())


async def test_topics_are_created_over_tls(place: tuple[str, Security]) -> None:
    address, secure = place
    security.use_security(secure)
    await ensure_topics(address, {"encrypted": 3}, {})
    assert [found[:2] for found in await describe_topics(address, ["encrypted"], [])] == [("encrypted", 3)]


@pytest.mark.parametrize("changed", [{"certificate": "", "key": ""}, {"password_file": Path(os.devnull)}])
async def test_the_broker_refuses_who_it_does_not_know(place: tuple[str, Security], changed: dict[str, Any]) -> None:
    address, secure = place
    security.use_security(replace(secure, **changed))
    with pytest.raises(KafkaError):
        await ensure_topics(address, {"refused": 1}, {})


async def test_a_broker_of_another_authority_is_refused(place: tuple[str, Security], tmp_path: Path) -> None:
    address, secure = place
    other = certificates.make_authority(tmp_path / "other", "fleet")
    security.use_security(replace(secure, ca=str(other)))
    with pytest.raises(KafkaError):
        await ensure_topics(address, {"refused": 1}, {})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ca": "", "certificate": "", "key": ""}, "no password is sent in the clear"),
        ({"user": ""}, "PENSTOCK_KAFKA_USER and PENSTOCK_KAFKA_PASSWORD_FILE belong together"),
        ({"key": ""}, "PENSTOCK_KAFKA_CERTIFICATE and PENSTOCK_KAFKA_KEY belong together"),
        ({"ca": "/nowhere"}, "the files for TLS of Kafka cannot be used: No such file"),
        ({"password_file": Path("/nowhere")}, "PENSTOCK_KAFKA_PASSWORD_FILE=/nowhere cannot be read"),
    ],
)
def test_what_does_not_go_together_is_named(place: tuple[str, Security], changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadKafkaSecurity, match=said):
        replace(place[1], **changed).options()
