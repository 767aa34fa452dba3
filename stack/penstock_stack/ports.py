"""Which port of this machine something listens on."""

from __future__ import annotations

import secrets
import socket
from typing import Final

from penstock_service.errors import PortInUse

HOST: Final = "127.0.0.1"
# Below what systems give to outgoing connections: nobody takes such a port by chance before, or between two starts of,
# whoever is to listen on it.
STEADY: Final = range(10_000, 32_000)
TRIES_MAX: Final = 1_000
_given: set[int] = set()


def choose_port(port: int) -> int:
    """Return the port if it is free, or with 0 one that is; raise PortInUse. Asked before anything is started."""
    if port:
        if not _is_free(port):
            raise PortInUse(f"{HOST}:{port}")
        return port
    for _ in range(TRIES_MAX):
        chosen = secrets.choice(STEADY)
        if chosen not in _given and _is_free(chosen):
            _given.add(chosen)
            return chosen
    raise PortInUse(f"any port of {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
