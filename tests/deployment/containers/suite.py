"""The services of docker-compose.yml in containers, as a project of their own beside whatever else runs."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Final

from tests.deployment.described import OURS, ROOT, SERVICES

from .engine import ContainersFailed, Engine

PROJECT: Final = "penstock-test"
FILES: Final = ("docker-compose.yml",)
# With the packages that the examples import.
EXAMPLES: Final = (*FILES, "examples/docker-compose.yml")
# What needs a GPU, or images that are not built here, is not started.
BUILT: Final = tuple(name for name in OURS if name != "gpu-worker")
STARTED: Final = tuple(name for name, entry in SERVICES.items() if not entry.get("profiles"))
# podman-compose knows a service of a profile only when that is named.
ALL: Final = ("--profile", "observability")
# PyTorch may have to be downloaded.
BUILD_S_MAX: Final = 3600.0
UP_S_MAX: Final = 300.0
HEALTHY_S_MAX: Final = 180.0
CALL_S_MAX: Final = 120.0
POLL_S: Final = 0.5
LOG_LINES: Final = 40


class Suite:
    """Builds, starts, asks, kills and removes the containers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._environment = os.environ | {"PENSTOCK_POSTGRES_PASSWORD": secrets.token_hex(16)}

    def compose(
        self, *words: str, files: Iterable[str] = FILES, data: bytes | None = None, at_most_s: float = CALL_S_MAX
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run one command of Compose on the project; the caller looks at its exit code."""
        named = [word for file in files for word in ("-f", file)]
        return self._run([*self.engine.compose, "-p", PROJECT, *named, *words], data, at_most_s)

    def demand(self, *words: str, files: Iterable[str] = FILES, at_most_s: float = CALL_S_MAX) -> bytes:
        """Run one command of Compose; return what it prints. Raises ContainersFailed if it fails."""
        done = self.compose(*words, files=files, at_most_s=at_most_s)
        if done.returncode:
            raise ContainersFailed(f"`compose {' '.join(words)}` failed: {_tail(done.stderr)}")
        return done.stdout

    def build(self, *services: str, files: Iterable[str] = FILES) -> None:
        """Build the images of these services."""
        self.demand(*ALL, "build", *services, files=files, at_most_s=BUILD_S_MAX)

    def start(self, *services: str, files: Iterable[str] = FILES) -> None:
        """Start these services alone, or, if none is named, all that belong to no profile."""
        alone = ["--no-deps"] if services else []
        profile = ALL if services else ()
        self.demand(*profile, "up", "--detach", *alone, *services, files=files, at_most_s=UP_S_MAX)

    def size(self, image: str) -> str:
        """Return how large an image is, for people."""
        return f"{image} {int(self.ask('image', 'inspect', '--format', '{{.Size}}', image)) / 1e6:,.0f} MB"

    def execute(self, service: str, *words: str, data: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Run a command in a service's container."""
        return self.compose(*ALL, "exec", "-T", service, *words, data=data)

    def read(self, service: str, *words: str, data: bytes | None = None) -> bytes:
        """Return what a command in a service's container prints; raise ContainersFailed if it fails."""
        done = self.execute(service, *words, data=data)
        if done.returncode:
            raise ContainersFailed(f"`{' '.join(words)}` failed in {service}: {_tail(done.stderr)}")
        return done.stdout

    def inspect(self, service: str, template: str) -> str:
        """Return what the engine says of a service's container, by a template of Go."""
        labels = (f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}")
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        found = self.ask("ps", "--all", "--quiet", *filters).split()
        if len(found) != 1:
            raise ContainersFailed(f"{service} has {len(found)} containers instead of one")
        return self.ask("inspect", "--format", template, found[0])

    def ask(self, *words: str) -> str:
        """Return what a command of the engine prints."""
        done = self._run([self.engine.program, *words], None, CALL_S_MAX)
        if done.returncode:
            raise ContainersFailed(f"`{self.engine.program} {' '.join(words)}` failed: {_tail(done.stderr)}")
        return done.stdout.decode().strip()

    def is_healthy(self, service: str) -> bool:
        """Whether the file's own probe of a service succeeds, asked in its container."""
        probe = SERVICES[service].get("healthcheck")
        return probe is None or self.execute(service, *probe["test"][1:]).returncode == 0

    def wait_healthy(self, services: Iterable[str] = STARTED) -> None:
        """Return once each is healthy; raise ContainersFailed if one is not in time."""
        for service in services:
            self.wait(lambda service=service: self.is_healthy(service), f"{service} is healthy", HEALTHY_S_MAX)

    def wait(self, reached: Callable[[], bool], what: str, at_most_s: float) -> None:
        """Return once it is so; raise ContainersFailed if that takes longer."""
        deadline = time.monotonic() + at_most_s
        while not reached():
            if time.monotonic() > deadline:
                raise ContainersFailed(f"not within {at_most_s:.0f} s: {what}")
            time.sleep(POLL_S)

    def demand_free_ports(self) -> None:
        """Raise ContainersFailed if a port that the file publishes is in use."""
        ports = [port for name in STARTED for port in SERVICES[name].get("ports", [])]
        for host, port, _ in (text.split(":") for text in ports):
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    one.bind((host, int(port)))
                except OSError as error:
                    raise ContainersFailed(
                        f"{host}:{port} is in use: stop what listens there, and try again"
                    ) from error

    def logs(self) -> str:
        """Return the last lines of every container."""
        done = self.compose("logs", "--tail", str(LOG_LINES))
        return (done.stdout + done.stderr).decode(errors="replace")

    def remove(self) -> None:
        """Remove the project's containers, networks and volumes; harmless when there are none."""
        self.compose(*ALL, "down", "--volumes", "--remove-orphans", files=EXAMPLES, at_most_s=UP_S_MAX)

    def _run(self, words: list[str], data: bytes | None, at_most_s: float) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                words,
                cwd=ROOT,
                env=self._environment,
                input=data if data is not None else b"",
                capture_output=True,
                check=False,
                timeout=at_most_s,
            )
        except subprocess.TimeoutExpired as error:
            raise ContainersFailed(f"not within {at_most_s:.0f} s: `{' '.join(words)}`") from error


def _tail(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-2000:]
