"""What docker-compose.yml says of the suite's own services, as processes on this machine would have it."""
# pyright: reportMissingModuleSource=false

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import yaml

from .errors import NotStarted
from .members import address_lists

VARIABLE: Final = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")
DSN: Final = "postgresql://"
# Variables that name an address to listen on.
LISTENING: Final = ("PENSTOCK_LISTEN", "PENSTOCK_METRICS_LISTEN", "PENSTOCK_HTTP_LISTEN")


@dataclass(frozen=True, slots=True)
class Described:
    """One service of the file.

    Attributes:
        command: Console script and its arguments.
        folders: Paths inside the container, and the volume that is mounted there; empty if it is the container's own.
        ports: Published on the host -> inside.
        needs: Services that start before it.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    folders: dict[str, str] = field(default_factory=dict[str, str])
    ports: dict[int, int] = field(default_factory=dict[int, int])
    profiles: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def listens(self) -> list[int]:
        """Ports of the gRPC server, of the metrics and of HTTP, as far as there are some."""
        found = (self.environment.get(name, "") for name in LISTENING)
        return [int(address.rpartition(":")[2]) for address in found if address]


def load(path: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Read the file, with ${VARIABLES} filled in; raise NotStarted if one is missing."""
    text = VARIABLE.sub(lambda found: _value(found, variables), path.read_text(encoding="utf-8"))
    return cast("dict[str, Any]", yaml.safe_load(text))


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, text = found.group(1), found.group(2), found.group(3)
    if name in variables:
        return variables[name]
    if kind == "-":
        return text
    raise NotStarted(f"the variable {name} is not set{f': {text}' if text else ''}")


def described(compose: Mapping[str, Any]) -> dict[str, Described]:
    """Return the services that are built here, in their order."""
    found: dict[str, Described] = {}
    for name, entry in compose["services"].items():
        if "build" in entry:
            arguments: Mapping[str, str] = entry["build"]["args"]
            script = arguments.get("COMMAND") or f"penstock-{arguments['SERVICE']}"
            found[name] = Described(
                name,
                [script, *entry.get("command", [])],
                {key: str(value) for key, value in entry.get("environment", {}).items()},
                dict(_mounts(entry.get("volumes", []))),
                dict(_published(entry.get("ports", []))),
                tuple(entry.get("profiles", ())),
                tuple(entry.get("depends_on", ())),
            )
    return found


def _mounts(volumes: Sequence[str]) -> Iterable[tuple[str, str]]:
    for volume in volumes:
        name, path = volume.split(":")[:2] if ":" in volume else ("", volume)
        yield path, name


def _published(ports: Sequence[str]) -> Iterable[tuple[int, int]]:
    for port in ports:
        *_, outside, inside = port.split(":")
        yield int(outside), int(inside)


# HOST:PORT as the file has it -> the addresses of the processes that take its place.
Places = Mapping[str, Sequence[str]]


def mapped(text: str, places: Places, folders: Mapping[str, str], *, several: bool) -> str:
    """Return a value of the file with addresses and folders of this machine."""
    for path in sorted(folders, key=len, reverse=True):
        text = text.replace(path, folders[path])
    # All at once: an address of this machine may look like one of the file.
    pattern = "|".join(re.escape(address) for address in places)
    if not pattern:
        return text
    count = None if several else 1
    return re.sub(rf"(?<![\w.-])(?:{pattern})(?!\d)", lambda found: ",".join(places[found.group()][:count]), text)


def environment(one: Described, places: Places, folders: Mapping[str, str], dsn: str) -> dict[str, str]:
    """Return a service's variables for a process on this machine."""
    lists = address_lists()
    return {
        name: dsn if value.startswith(DSN) else mapped(value, places, folders, several=name in lists)
        for name, value in one.environment.items()
    }
