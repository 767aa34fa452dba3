"""The worker's own folder: one process holds it at a time, and the worker's name is kept in it."""

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Generator
from pathlib import Path
from typing import IO, Final

from .errors import ExecutorError, FolderInUse

FOLDERS_MAX: Final = 64  # of workers without a name, on one host
SUFFIX_BYTES: Final = 2
NAME_CHARS_MAX: Final = 200


class OwnFolder:
    """A folder that this process holds until `close`, and the name of the worker that works there."""

    def __init__(self, path: Path, name: str, lock: IO[str]) -> None:
        self.path, self.name = path, name
        self._lock = lock

    def close(self) -> None:
        """Let another process have it."""
        self._lock.close()


@contextlib.contextmanager
def hold_folder(home: Path, name: str = "", folder: Path | None = None) -> Generator[OwnFolder]:
    """Hold a worker's folder until the block ends.

    Without a name, a worker is called by its host and a suffix that is kept in its folder: several workers of one host,
    and hosts of the same name, have names of their own, and each worker has its own again after a restart.

    Args:
        home: Where folders are that nobody names.
        name: Of the worker; empty: the one that is kept in the folder, or a new one.
        folder: Its folder; None: one below `home`, by the worker's name or else the first that is free.

    Raises:
        FolderInUse: Another process holds it.
        ExecutorError: The folder cannot be made or locked.
    """
    if folder is not None:
        own = _hold(folder, name)
    elif name:
        own = _hold(folder_of(home, name), name)
    else:
        own = _first_free(home)
    try:
        yield own
    finally:
        own.close()


def folder_of(home: Path, worker: str) -> Path:
    """Return the folder below `home` of a worker with a name; the name becomes a safe one."""
    safe = "".join(char if char.isalnum() or char in "-_" else "_" for char in worker)[:100]
    return home / "workers" / safe


def _first_free(home: Path) -> OwnFolder:
    host = socket.gethostname()
    for number in range(1, FOLDERS_MAX + 1):
        with contextlib.suppress(FolderInUse):
            return _hold(folder_of(home, host if number == 1 else f"{host}-{number}"), "")
    raise ExecutorError(
        f"{FOLDERS_MAX} workers without a name are already running on this host; start this one with --name"
    )


def _hold(folder: Path, name: str) -> OwnFolder:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise ExecutorError(
            f"the worker's folder {folder} is not usable: {error}; choose another one with --folder"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        name = name or _kept_name(folder)
        lock.truncate(0)
        lock.write(f"worker {name}, process {os.getpid()} of {socket.gethostname()}")
        lock.flush()
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise FolderInUse(folder, holder or "another process") from None
    except OSError as error:
        lock.close()
        raise ExecutorError(
            f"the worker's folder {folder} cannot be locked: {error}; choose another one with --folder"
        ) from None
    return OwnFolder(folder, name, lock)


def _kept_name(folder: Path) -> str:
    """Return the name that is kept in the folder; make one up and keep it if there is none."""
    path = folder / "name"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if 0 < len(kept := path.read_text().strip()) <= NAME_CHARS_MAX:
            return kept
    name = f"{socket.gethostname()[:100]}-{secrets.token_hex(SUFFIX_BYTES)}"
    partial = path.with_suffix(".partial")
    partial.write_text(name)
    partial.replace(path)
    return name
