"""The container engine of this machine, and the implementation of Compose that goes with it."""

import subprocess
from dataclasses import dataclass
from typing import Final

ANSWER_S_MAX: Final = 30.0
# The engine's command, the command that reads docker-compose.yml.
# The engine's command, what it is to say of what answers, the command that reads docker-compose.yml.
ENGINE: Final = "{{with index .Server.Components 0}}{{.Name}} {{.Version}}{{end}}"
CANDIDATES: Final = (
    ("docker", ENGINE, ("docker", "compose")),
    ("docker", ENGINE, ("docker-compose",)),
    ("podman", "Podman {{.Client.Version}}", ("podman-compose",)),
)


class ContainersFailed(Exception):
    """What was to be shown with containers does not hold, or cannot be tried here."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers.

    Attributes:
        program: Its command.
        compose: The words that begin a command of Compose.
        versions: Of both, for people.
    """

    program: str
    compose: tuple[str, ...]
    versions: str


def find_engine() -> Engine:
    """Return the first engine that answers and has an implementation of Compose; raise ContainersFailed."""
    for program, template, compose in CANDIDATES:
        engine = _answer(program, "version", "--format", template)
        version = _answer(*compose, "version", "--short")
        if engine and version:
            return Engine(program, compose, f"{engine}, {' '.join(compose)} {version}")
    raise ContainersFailed(
        "no container engine answers: start Docker with its Compose plugin (`docker info` and `docker compose version` "
        "succeed), or install podman and podman-compose"
    )


def _answer(*words: str) -> str:
    """Return the last line that a command prints; empty if there is no such command, or it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=ANSWER_S_MAX)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().rpartition("\n")[2] if done.returncode == 0 else ""
