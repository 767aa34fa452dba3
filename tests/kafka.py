"""A real Kafka for tests: that of PENSTOCK_KAFKA, a container where an engine runs, else pip-installable parts."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import WAIT_S

IMAGE = "apache/kafka:4.1.1"


@contextmanager
def kafka() -> Iterator[str]:
    """Yield the HOST:PORT of a broker."""
    if address := os.environ.get("PENSTOCK_KAFKA"):
        yield address
    elif _has_container_engine():
        with _container() as address:
            yield address
    else:
        from penstock_stack.kafka import EmbeddedKafka

        with tempfile.TemporaryDirectory() as folder:
            broker = EmbeddedKafka(Path(folder))
            broker.start()
            try:
                yield broker.address
            finally:
                broker.stop()


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The HOST:PORT of a broker that all tests of this process share; each uses topics of its own."""
    with kafka() as address:
        yield address


@contextmanager
def _container() -> Iterator[str]:
    """Run Apache's own image; testcontainers' Kafka knows Confluent's alone."""
    from penstock_stack.ports import choose_port
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = choose_port(0)
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer(IMAGE).with_envs(**settings)
    container.ports["9092/tcp"] = ("127.0.0.1", port)  # `with_bind_ports` would open it to everybody
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(WAIT_S))
    with container:
        yield f"127.0.0.1:{port}"


def _has_container_engine() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
