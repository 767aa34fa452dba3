"""A worker's metrics: where they may be served, and what is said if they cannot be."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.waiting import WAIT_S

PENSTOCK = str(Path(sys.executable).with_name("penstock"))


def refused(folder: Path, address: str) -> str:
    """Return what a worker says that does not start for this address."""
    command = [PENSTOCK, "worker", "--folder", str(folder), "--metrics-listen", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_metrics_are_not_opened_to_other_machines_by_mistake(tmp_path: Path) -> None:
    assert "PENSTOCK_METRICS_LISTEN=0.0.0.0:9464 is open to other machines" in refused(tmp_path, "0.0.0.0:9464")


def test_a_bad_address_is_said(tmp_path: Path) -> None:
    assert "invalid address '9464': expected HOST:PORT" in refused(tmp_path, "9464")


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "in use" in refused(tmp_path, f"127.0.0.1:{taken.getsockname()[1]}")
