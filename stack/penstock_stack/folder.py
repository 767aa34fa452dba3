"""The data folder of a stack: who uses it now, and which version wrote it."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import FolderInUse, FolderUnusable, OtherVersion

# Raised when the data of older versions can no longer be read as they are.
FORMAT = 1
STAMP = "version.json"
SHARDS = 256
# Other users have no business in it; root's Postgres, which is another user, has to get through.
OWN_MODE, ROOTS_MODE = 0o700, 0o711


@dataclass(frozen=True, slots=True)
class Stamp:
    """Written when the folder is made, and never changed."""

    format: int
    shards: int


class DataFolder:
    """A folder that is used by this process alone, from `open` to `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    def open(self, shards: int | None = None) -> Stamp:
        """Lock the folder, made if it is missing; return what is written in it.

        `shards`: of a new folder, 256 if not given; of another one, to be checked.

        Raises:
            FolderInUse: Another process has it.
            OtherVersion: Its data have another format, or another number of shards.
            FolderUnusable: It cannot be written.
        """
        try:
            self.path.mkdir(ROOTS_MODE if os.geteuid() == 0 else OWN_MODE, parents=True, exist_ok=True)
            self._lock = _lock(self.path)
            return self._stamp(shards)
        except OSError as error:
            self.close()
            raise FolderUnusable(self.path, error.strerror or str(error)) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _stamp(self, shards: int | None) -> Stamp:
        path = self.path / STAMP
        if not path.exists():
            if (self.path / "postgres").exists():
                raise OtherVersion(self.path, f"it has data but no {STAMP}")
            _write(path, Stamp(FORMAT, shards or SHARDS))
        try:
            found = json.loads(path.read_text())
            stamp = Stamp(int(found["format"]), int(found["shards"]))
        except (ValueError, KeyError, TypeError):
            raise OtherVersion(self.path, f"its {STAMP} is unreadable") from None
        if stamp.format != FORMAT:
            raise OtherVersion(self.path, f"its data has format {stamp.format}, but this version reads format {FORMAT}")
        if shards is not None and stamp.shards != shards:
            raise OtherVersion(self.path, f"it was created with {stamp.shards} shards, not {shards}")
        return stamp


def _write(path: Path, stamp: Stamp) -> None:
    """In one step and durably: a folder with half a stamp would be refused for ever."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        json.dump({"format": stamp.format, "shards": stamp.shards}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _lock(path: Path) -> IO[str]:
    lock = (path / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise FolderInUse(path, holder) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
