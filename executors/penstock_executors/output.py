"""What operators print: the file of one process is followed, cut into lines, and capped for each action."""

import os
from pathlib import Path

OUTPUT_BYTES_MAX = 8 << 20  # of one action
LINES_MAX = 100_000  # of one action
LINE_BYTES_MAX = 16 << 10
IDLE_FILE_BYTES_MAX = 1 << 20  # the file of a process that does nothing is emptied beyond that


class Tail:
    """Reads what a process appends to its output file; actions of one process never overlap."""

    __slots__ = ("_bytes", "_cut", "_fd", "_lines", "_partial", "_position", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._position = 0
        self._partial = b""
        self._bytes = self._lines = 0
        self._cut = False

    @property
    def fd(self) -> int:
        """For the process to write to: opened for appending, so that cutting the file needs no word with it."""
        return self._fd

    def lines(self, end: int | None = None) -> list[str]:
        """Whole lines that are new, up to position `end`, else the end of the file."""
        size = os.fstat(self._fd).st_size
        if size == self._position:
            return []
        self._position = min(self._position, size)
        end = size if end is None else min(end, size)
        room = OUTPUT_BYTES_MAX - self._bytes
        data = os.pread(self._fd, max(0, min(end - self._position, room)), self._position)
        self._position += len(data)
        self._bytes += len(data)
        lines = self._split(data)
        if self._bytes >= OUTPUT_BYTES_MAX or self._lines >= LINES_MAX:
            self._drop(lines)
        return lines

    def finish(self, end: int | None = None) -> list[str]:
        """All that is left of the action that ends; the next one starts with nothing printed."""
        lines = self.lines(end)
        if self._partial and not self._cut:
            lines.append(_text(self._partial))
        self._partial = b""
        self._bytes = self._lines = 0
        self._cut = False
        return lines

    def rest(self) -> None:
        """The process does nothing: keep its file small."""
        if self._position > IDLE_FILE_BYTES_MAX:
            self._empty()

    def last_words(self, bytes_max: int = 2_000) -> str:
        """The end of the file, for an error message."""
        size = os.fstat(self._fd).st_size
        return os.pread(self._fd, bytes_max, max(0, size - bytes_max)).decode(errors="replace").strip()

    def close(self) -> None:
        """Remove the file."""
        os.close(self._fd)
        self.path.unlink(missing_ok=True)

    def _split(self, data: bytes) -> list[str]:
        if self._cut or not data:
            return []
        *whole, self._partial = (self._partial + data).split(b"\n", LINES_MAX - self._lines)
        if len(self._partial) > LINE_BYTES_MAX:
            whole.append(self._partial)
            self._partial = b""
        self._lines += len(whole)
        return [_text(line) for line in whole]

    def _drop(self, lines: list[str]) -> None:
        """Beyond the cap the file is emptied whenever it is looked at."""
        if not self._cut:
            self._cut = True
            self._partial = b""
            lines.append(
                f"[penstock: the output of this action is cut here, after {self._bytes} bytes in {self._lines} lines]"
            )
        self._empty()

    def _empty(self) -> None:
        os.ftruncate(self._fd, 0)
        self._position = 0


def _text(line: bytes) -> str:
    """What a terminal would show in the end: a progress bar rewrites its line."""
    shown = line.rstrip(b"\r").rpartition(b"\r")[2]
    return shown[:LINE_BYTES_MAX].decode(errors="replace")
