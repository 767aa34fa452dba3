"""Which port of this machine the stack listens on."""

from __future__ import annotations

import socket

from penstock_eventlog.errors import PortInUse

HOST = "127.0.0.1"


def choose_port(port: int) -> int:
    """Return the port if it is free, or with 0 one that is; raise PortInUse. Asked before anything is started."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise PortInUse(f"{HOST}:{port}") from None
        return int(probe.getsockname()[1])
