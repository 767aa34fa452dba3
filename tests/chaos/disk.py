"""A disk of its own for a worker's folder, small enough to be filled."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[None]:
    """Mount a file system over a folder, if this user may."""
    mounted = os.geteuid() == 0 and _succeeds("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield
    finally:
        if mounted and not _succeeds("umount", str(folder)):
            _succeeds("umount", "--lazy", str(folder))


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
