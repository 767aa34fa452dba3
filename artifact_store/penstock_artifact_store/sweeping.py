"""Artifacts that nothing refers to are removed; none that somebody is about to refer to.

Storing an artifact that is there already, or asking whether it is, makes its time of change young again. Only files
older than the grace period are removed, each by itself under a lock that keeps such renewals out meanwhile. A process
that is killed in between leaves a store in which everything that is there is whole.
"""

import fcntl
import os
import time
from collections.abc import Container, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# A younger artifact need not be renewed: it is safe from sweeps for at least the rest of the grace period.
FRESH_S: Final = 30.0
GRACE_MIN_S: Final = 2 * FRESH_S
LOCK: Final = "sweep.lock"
DIGEST_HEX: Final = 64


@dataclass(slots=True)
class Swept:
    """Files and bytes that were removed, and that stay."""

    removed: int = 0
    removed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0


@contextmanager
def lock(folder: Path, *, alone: bool) -> Generator[None]:
    """Keep sweeps out, together with others who do; `alone` to remove."""
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def is_renewed(folder: Path, path: Path) -> bool:
    """Make an artifact young again; False if it is not there, or must be written again to be so."""
    try:
        if time.time() - path.stat().st_mtime < FRESH_S:
            return True
        with lock(folder, alone=False):
            os.utime(path)
    except (FileNotFoundError, PermissionError):  # gone meanwhile; or of another user, who alone may change its time
        return False
    return True


def sweep(folder: Path, objects: Path, keep: Container[bytes], before_s: float, *, dry_run: bool) -> Swept:
    """Remove what was last renewed before that Unix time and is not to be kept."""
    swept = Swept()
    for path in _artifacts(objects):
        try:
            size = path.stat().st_size
            if bytes.fromhex(path.name) not in keep and _is_removed(folder, path, before_s, dry_run):
                swept.removed += 1
                swept.removed_bytes += size
            else:
                swept.kept += 1
                swept.kept_bytes += size
        except FileNotFoundError:
            continue  # another sweep was faster
    return swept


def _is_removed(folder: Path, path: Path, before_s: float, dry_run: bool) -> bool:
    if path.stat().st_mtime >= before_s:
        return False
    if dry_run:
        return True
    with lock(folder, alone=True):
        if path.stat().st_mtime >= before_s:
            return False
        path.unlink()
    return True


def _artifacts(objects: Path) -> Iterator[Path]:
    for part in sorted(os.scandir(objects), key=lambda entry: entry.name):
        if part.is_dir(follow_symlinks=False):
            for entry in os.scandir(part.path):
                if _is_digest(entry.name):
                    yield Path(entry.path)


def _is_digest(name: str) -> bool:
    return len(name) == DIGEST_HEX and not set(name) - set("0123456789abcdef")
