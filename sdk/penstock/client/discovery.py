"""Where a stack of this machine keeps its data, and how clients find the one that runs there."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

HOST, PORT = "127.0.0.1", 7733
ADDRESS = f"{HOST}:{PORT}"
RUNNING_FILE = "running.json"
# Holds the id of the process that has it locked.
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that runs now. `attended`: it ends with the command that started it."""

    address: str
    pid: int
    attended: bool = False
    # HOST:PORT of the REST API and the console; empty: it has none.
    http: str = ""
    # File with the token of its first admin, which only the user who started it can read; empty: access control is off.
    token_file: str = ""
    # File with the authority of its certificate; empty: connections to it are not encrypted.
    ca: str = ""

    @property
    def url(self) -> str:
        """Where browsers find it; empty: nowhere."""
        return f"{'https' if self.ca else 'http'}://{self.http}" if self.http else ""


# Those that this process has found, by address: what one of them gives to its user is for no other address.
_found: dict[str, Running] = {}


def data_folder() -> Path:
    """Return $PENSTOCK_HOME, or by default the platform's folder for data.

    As root it is one that the unprivileged account of the embedded Postgres can reach: a home folder of root is not.
    """
    if home := os.environ.get("PENSTOCK_HOME"):
        return Path(home).expanduser().absolute()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/penstock")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "penstock"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "penstock"


def announce(data: Path, running: Running) -> None:
    """Let clients find this stack; the file is replaced atomically."""
    path = data / f"{RUNNING_FILE}.{running.pid}"
    path.write_text(json.dumps(asdict(running)))
    path.replace(data / RUNNING_FILE)


def withdraw(data: Path) -> None:
    (data / RUNNING_FILE).unlink(missing_ok=True)


def find(data: Path) -> Running | None:
    """Return the stack that runs on this data folder, if its process is alive."""
    try:
        found = json.loads((data / RUNNING_FILE).read_text())
        texts = {name: str(found.get(name, "")) for name in ("http", "token_file", "ca")}
        running = Running(str(found["address"]), int(found["pid"]), bool(found.get("attended", False)), **texts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not is_alive(running.pid):
        return None
    _found[running.address] = running
    return running


def found_at(address: str) -> Running | None:
    """Return the stack of this machine that has an address; None if that is somewhere else."""
    find(data_folder())
    found = _found.get(address)
    return found if found is not None and is_alive(found.pid) else None


def holder(data: Path) -> int | None:
    """Return the process that has the data folder locked, which is the stack itself; None if nothing has."""
    try:
        with (data / LOCK_FILE).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or 0)
    except (OSError, ValueError):
        return None
    return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def choose_address(address: str | None, data: Path | None = None) -> str:
    """Return the address to call: as given, $PENSTOCK_ADDRESS, the stack on the data folder, or the default one."""
    if chosen := address or os.environ.get("PENSTOCK_ADDRESS"):
        return chosen
    running = find(data or data_folder())
    return running.address if running else ADDRESS
