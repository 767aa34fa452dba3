"""A file on its way into the store: hashed while it is written, and visible only once it is whole and on the disk."""

import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType

from .errors import StoreFull

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Incoming:
    """Use as a context manager; what was not kept when it ends is removed."""

    __slots__ = ("_fd", "_folder", "_hash", "path", "size")

    def __init__(self, folder: Path) -> None:
        """`folder` must be on the file system that the file will live on."""
        self._folder = folder
        self._hash = hashlib.sha256()
        self.size = 0
        self.path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        self._fd = -1

    def __enter__(self) -> "Incoming":
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        except OSError as error:
            raise_if_full(error, self._folder)
            raise
        return self

    def write(self, chunk: bytes | memoryview) -> None:
        """Raises StoreFull if the disk takes no more."""
        self._hash.update(chunk)
        rest = memoryview(chunk)
        try:
            while len(rest):
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            raise_if_full(error, self._folder)
            raise
        self.size += len(chunk)

    def digest(self) -> bytes:
        """SHA-256 of all that was written."""
        return self._hash.digest()

    def keep(self, target: Path) -> None:
        """Give the file its name, durably: first its bytes reach the disk, then its name."""
        try:
            os.fsync(self._fd)
            os.rename(self.path, target)
            sync_folder(target.parent)
        except OSError as error:
            raise_if_full(error, self._folder)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self.path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def raise_if_full(error: OSError, folder: Path) -> None:
    """Raise StoreFull if that is what the error means."""
    if error.errno in NO_ROOM:
        raise StoreFull(folder, shutil.disk_usage(folder).free) from error
