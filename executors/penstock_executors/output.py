"""What operators print: the file of one process is followed, cut into lines, and capped for each action.

Of a long output the beginning is passed on as it comes, and the end once the action has ended: a crash's own trace
stands there.
"""

import os
from pathlib import Path
from typing import Final

# Of one action, from its beginning, and again from its end.
HEAD_BYTES_MAX = TAIL_BYTES_MAX = 4 << 20
HEAD_LINES_MAX = TAIL_LINES_MAX = 50_000
LINE_BYTES_MAX: Final = 16 << 10
IDLE_FILE_BYTES_MAX: Final = 1 << 20  # the file of a process that does nothing is emptied beyond that
FILE_BYTES_MAX = 64 << 20  # beyond, the file of a process that prints is emptied; the end of it is kept in memory


class Tail:
    """Reads what a process appends to its output file; actions of one process never overlap."""

    __slots__ = ("_bytes", "_fd", "_is_over", "_kept", "_left_out", "_lines", "_partial", "_position", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._position = 0
        self._reset()

    @property
    def fd(self) -> int:
        """For the process to write to: opened for appending, so that cutting the file needs no word with it."""
        return self._fd

    def lines(self, end: int | None = None) -> list[str]:
        """Whole lines that are new, up to position `end`, else the end of the file; none beyond the head's limits."""
        size = os.fstat(self._fd).st_size
        if size == self._position:
            return []
        self._position = min(self._position, size)
        end = size if end is None else max(self._position, min(end, size))
        lines: list[str] = []
        while not self._is_over and self._position < end:
            room = HEAD_BYTES_MAX - self._bytes - len(self._partial)
            data = os.pread(self._fd, min(end - self._position, room), self._position)
            if not data:  # cut by others
                break
            self._position += len(data)
            lines += self._split(data)
            self._is_over = self._bytes + len(self._partial) >= HEAD_BYTES_MAX or self._lines >= HEAD_LINES_MAX
        if self._is_over:
            self._bound()
        elif self._position == size > FILE_BYTES_MAX:  # of a progress bar, which rewrites its line
            self._empty()
        return lines

    @property
    def line(self) -> str:
        """The line that is being written, as a terminal would show it."""
        return "" if self._is_over else _text(self._partial)

    def finish(self, end: int | None = None) -> list[str]:
        """All that is left of the action that ends; the next one starts with nothing printed."""
        lines = self.lines(end)
        if self._is_over:
            size = os.fstat(self._fd).st_size
            lines += self._last_lines(size if end is None else max(self._position, min(end, size)))
        elif self._partial:
            lines.append(_text(self._partial))
        self._reset()
        return lines

    def drop(self) -> int:
        """Skip what was written since the last action ended, by what that one left behind; return its bytes."""
        size = os.fstat(self._fd).st_size
        dropped, self._position = max(0, size - self._position), size
        return dropped

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

    def _reset(self) -> None:
        self._partial = b""
        self._bytes = self._lines = 0
        self._is_over = False
        self._kept = b""  # the end of what is beyond the head, as far as the file was emptied
        self._left_out = 0  # bytes

    def _split(self, data: bytes) -> list[str]:
        if not data:
            return []
        *whole, self._partial = (self._partial + data).split(b"\n", HEAD_LINES_MAX - self._lines)
        if b"\r" in self._partial:
            self._partial = _rewritten(self._partial)
        if len(self._partial) > LINE_BYTES_MAX and self._lines + len(whole) < HEAD_LINES_MAX:
            whole.append(self._partial)
            self._partial = b""
        self._lines += len(whole)
        texts: list[str] = []
        for line in whole:
            shown = _rewritten(line) if b"\r" in line else line
            self._bytes += len(shown) + 1
            texts.append(_text(shown))
        return texts

    def _bound(self) -> None:
        """Beyond the head, keep the end of a file that has grown large, and empty it."""
        self._kept += self._partial
        self._partial = b""
        size = os.fstat(self._fd).st_size
        if size - self._position > FILE_BYTES_MAX:
            begin = size - TAIL_BYTES_MAX
            self._left_out += len(self._kept) + begin - self._position
            self._kept = os.pread(self._fd, 2 * TAIL_BYTES_MAX, begin)  # with what has come since
            self._empty()

    def _last_lines(self, end: int) -> list[str]:
        """The end of what came beyond the head, after a line that says how much lies between."""
        begin = max(self._position, end - TAIL_BYTES_MAX)
        self._left_out += begin - self._position
        rest = self._kept + os.pread(self._fd, end - begin, begin)
        self._position = end
        cut = max(0, len(rest) - TAIL_BYTES_MAX)
        data = rest[cut:]
        lines = data.removesuffix(b"\n").split(b"\n") if data else []
        more = lines[:-TAIL_LINES_MAX]
        left_out = self._left_out + cut + sum(map(len, more)) + len(more)
        last = [_text(line) for line in lines[len(more) :]]
        if left_out:
            last.insert(0, f"[penstock: {left_out} bytes of output are omitted here]")
        return last

    def _empty(self) -> None:
        os.ftruncate(self._fd, 0)
        self._position = 0


def _rewritten(line: bytes) -> bytes:
    """The last state of a line that a progress bar rewrites; a carriage return at its end stays, for what follows."""
    shown = line.rstrip(b"\r")
    return shown.rpartition(b"\r")[2] + (b"\r" if len(shown) < len(line) else b"")


def _text(line: bytes) -> str:
    """What a terminal would show in the end."""
    return _rewritten(line).rstrip(b"\r")[:LINE_BYTES_MAX].decode(errors="replace")
