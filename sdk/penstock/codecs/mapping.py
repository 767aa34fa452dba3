"""Files as memory: read when touched, and private, so that writing to it changes no file."""

import mmap
import os
from pathlib import Path


def mapped(path: Path) -> memoryview:
    """Map a file that does not change; the mapping lives as long as the view and everything made of it."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
