"""A real Kafka for tests: that of PENSTOCK_KAFKA, a container where an engine runs, else pip-installable parts."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def kafka() -> Iterator[str]:
    """Yield the HOST:PORT of a broker."""
    if address := os.environ.get("PENSTOCK_KAFKA"):
        yield address
    elif _has_container_engine():
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer("apache/kafka:4.1.1").with_kraft() as container:
            yield container.get_bootstrap_server()
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


def _has_container_engine() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0
