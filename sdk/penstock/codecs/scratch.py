"""Where decoded files are put: a folder that the caller gives, else one that goes when the process ends."""

import atexit
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_given: ContextVar[Path | None] = ContextVar("penstock_codecs_scratch", default=None)
_own: list[Path] = []


def folder() -> Path:
    """Return the folder in use."""
    if (given := _given.get()) is not None:
        return given
    if not _own:
        _own.append(Path(tempfile.mkdtemp(prefix="penstock-")))
        atexit.register(shutil.rmtree, _own[0], ignore_errors=True)
    return _own[0]


@contextmanager
def use(path: Path | None) -> Generator[None]:
    """Put decoded files there within the block; None changes nothing."""
    if path is None:
        yield
        return
    token = _given.set(path)
    try:
        yield
    finally:
        _given.reset(token)
