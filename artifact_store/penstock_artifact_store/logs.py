"""Operators' output: one append-only file of JSON lines for each execution, and a reader over all of a run's.

Files: logs/<run id in hex>/<node>/<item>-<attempt>-<grant>.jsonl; a line is `[microseconds of Unix time, text]`.
Beside it, with the suffix .progress, is what the execution last said of how far it has come.
"""

import heapq
import os
import shutil
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import msgspec
from penstock_proto.wire import RUN_ID_BYTES

from .errors import BadLogKey
from .incoming import raise_if_full

# Of one execution; what it writes beyond is dropped, and said. Workers pass on 8 MiB of text, which JSON makes longer.
LOG_BYTES_MAX = 32 << 20
LINE_CHARACTERS_MAX = 16 * 1024
READ_BYTES = 256 * 1024  # more than the longest line takes
TIME_BYTES_MAX = 32
ITEM_DEPTH_MAX = 16
SUFFIX = ".jsonl"
TRUNCATED = f"[truncated: the output of one execution is kept up to {LOG_BYTES_MAX >> 20} MiB]"


class LogKey(NamedTuple):
    """Names one execution."""

    run_id: bytes
    node: int
    item: tuple[int, ...]
    attempt: int
    grant: int


class Line(NamedTuple):
    """Something that an execution wrote."""

    at_us: int
    key: LogKey
    text: str


def folder_of_run(root: Path, run_id: bytes, kind: str = "logs") -> Path:
    """Where a run's output is, or another kind of files; raises BadLogKey unless it is a run id."""
    if len(run_id) != RUN_ID_BYTES:
        raise BadLogKey(f"invalid run id: expected {RUN_ID_BYTES} bytes, not {len(run_id)}")
    return root / kind / run_id.hex()


def name_of(key: LogKey) -> str:
    """The file name of one execution, without a suffix: numbers only; raises BadLogKey."""
    numbers = (key.node, *key.item, key.attempt, key.grant)
    if min(numbers) < 0 or len(key.item) > ITEM_DEPTH_MAX:
        raise BadLogKey(f"node {key.node}, attempt {key.attempt}, {len(key.item)} items: that names no execution")
    item = ".".join(f"{int(each)}" for each in key.item) or "all"
    return f"{item}-{int(key.attempt)}-{int(key.grant)}"


def path_of(root: Path, key: LogKey, suffix: str = SUFFIX) -> Path:
    """The file of one execution: made of numbers and hex only."""
    return folder_of_run(root, key.run_id) / f"{int(key.node)}" / f"{name_of(key)}{suffix}"


def remove_logs(root: Path, run_id: bytes) -> int:
    """Remove all output of a run and return how many bytes it had; raises BadLogKey."""
    folder = folder_of_run(root, run_id)
    size = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
    shutil.rmtree(folder, ignore_errors=True)
    return size


class LogWriter:
    """Appends the lines of one execution; the file is made with the first line. Not for use by two threads at once."""

    __slots__ = ("_fd", "_is_full", "_path", "_size")

    def __init__(self, root: Path, key: LogKey) -> None:
        """`root` is the store's folder; raises BadLogKey."""
        self._path = path_of(root, key)
        self._fd = -1
        self._size = 0
        self._is_full = False

    def append(self, lines: Iterable[tuple[int, str]]) -> None:
        """Write (time in microseconds, text) of each line in one piece; raises StoreFull."""
        if self._fd < 0:
            self._open()
        if self._is_full:
            return
        rest = self._within_limit(lines)
        try:
            while rest:
                written = os.write(self._fd, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            self.close()  # opening it again mends a line that was cut
            raise_if_full(error, self._path.parent)
            raise

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size = os.fstat(self._fd).st_size
            if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":  # a writer was killed in the middle
                self._size += os.write(self._fd, b"\n")
        except OSError as error:
            raise_if_full(error, self._path.parent if self._path.parent.exists() else Path("/"))
            raise
        self._is_full = self._size > LOG_BYTES_MAX

    def _within_limit(self, lines: Iterable[tuple[int, str]]) -> bytes:
        out = bytearray()
        for at_us, text in lines:
            out += _line(at_us, text)
            if self._size + len(out) > LOG_BYTES_MAX:
                out += _line(at_us, TRUNCATED)
                self._is_full = True
                break
        return bytes(out)


class LogReader:
    """Reads what the executions of a run, or of one node, have written: from the first line, merged by time.

    `poll` again for what was written since. Lines of one execution keep their order; those of executions that
    write at the same time may come in another order if they arrive late.
    """

    def __init__(self, root: Path, run_id: bytes, node: int = -1, *, from_us: int = 0, text: str = "") -> None:
        """`node` -1: all nodes; `from_us`: lines of that time or later; `text`: only lines with it, in any case."""
        self._folder = folder_of_run(root, run_id)
        self._run_id, self._node = run_id, node
        self._from_us, self._search = from_us, Search(text)
        self._offsets: dict[Path, int] = {}

    def poll(self) -> Iterator[Line]:
        """Lines since the last poll; to be read to the end before the next one."""
        news = sorted(self._news(), key=lambda each: (each[0], each[2]), reverse=True)
        heap: list[tuple[int, LogKey, Line, Iterator[Line]]] = []
        while news or heap:
            # A file is opened only when its first line's turn has come: a run may have many thousands.
            while news and (not heap or news[-1][0] <= heap[0][0]):
                _, path, key = news.pop()
                _push(heap, self._lines(path, key))
            if heap:
                _, _, line, lines = heapq.heappop(heap)
                yield line
                _push(heap, lines)

    def _news(self) -> Iterator[tuple[int, Path, LogKey]]:
        """Files that have grown, with the time of the first line that was not read yet."""
        for path, key in executions(self._folder, self._run_id, self._node):
            offset = self._offsets.get(path, -1)
            if offset < 0:
                offset = self._offsets[path] = offset_at(path, self._from_us)
            if path.stat().st_size > offset:
                yield _time_at(path, offset), path, key

    def _lines(self, path: Path, key: LogKey) -> Iterator[Line]:
        """Whole lines only: the last may be on its way. The file is open only while a part is read."""
        while True:
            offset = self._offsets.get(path, 0)
            with open(path, "rb", buffering=0) as file:
                file.seek(offset)
                part = file.read(READ_BYTES)
            end = part.rfind(b"\n") + 1
            if end == 0:
                if len(part) < READ_BYTES:
                    return
                end = len(part)  # not a line that we wrote: none is so long
            self._offsets[path] = offset + end
            yield from self._search.lines(part[:end], key)


def last_lines(root: Path, run_id: bytes, node: int, count: int, *, before_us: int = 0, text: str = "") -> list[Line]:
    """Return the last lines of a run or a node, or the last ones before a time, in order; files are read backwards."""
    search = Search(text)
    heap: list[tuple[int, tuple[int, ...], Line, Iterator[Line]]] = []

    def push(lines: Iterator[Line]) -> None:
        if (line := next(lines, None)) is not None:
            heapq.heappush(heap, (-line.at_us, _backwards(line.key), line, lines))

    for path, key in executions(folder_of_run(root, run_id), run_id, node):
        end = offset_at(path, before_us) if before_us else path.stat().st_size
        push(_lines_back(path, key, end, search))
    found: list[Line] = []
    while heap and len(found) < count:
        _, _, line, lines = heapq.heappop(heap)
        found.append(line)
        push(lines)
    return found[::-1]


class Search:
    """Lines with a text, in any case; all lines if the text is empty."""

    def __init__(self, text: str) -> None:
        self._text = text.lower()
        # As the text is in a file; only ASCII has the same upper and lower case in bytes as in text.
        self._written = _encode(self._text)[1:-1] if text.isascii() else b""

    def lines(self, part: bytes, key: LogKey, *, backwards: bool = False) -> Iterator[Line]:
        """Yield the lines of a part of a file."""
        if self._written and self._written not in part.lower():
            return
        raws = part.splitlines()
        for raw in reversed(raws) if backwards else raws:
            if (line := _parsed(raw, key)) is not None and (not self._text or self._text in line.text.lower()):
                yield line


def executions(folder: Path, run_id: bytes, node: int) -> Iterator[tuple[Path, LogKey]]:
    """Yield the files of a run's executions; `node` -1: of all nodes."""
    for inner in names(folder) if node < 0 else (str(node),):
        for name in names(folder / inner):
            path = folder / inner / name
            if name.endswith(SUFFIX) and (key := key_of(run_id, path)) is not None:
                yield path, key


def offset_at(path: Path, at_us: int) -> int:
    """Return where the first line of a time or later begins; the end if there is none."""
    if at_us <= 0:
        return 0
    with open(path, "rb", buffering=0) as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while low < high:
            middle = (low + high) // 2
            begin = _line_begin(file, middle)
            if begin >= high or _time_of(file, begin) >= at_us:
                high = middle
            else:
                low = middle + 1
        return _line_begin(file, low)


def _line_begin(file: FileIO, position: int) -> int:
    """Return where the first line begins that begins there or later."""
    if position == 0:
        return 0
    file.seek(position - 1)
    end = file.read(READ_BYTES).find(b"\n")
    return position + end if end >= 0 else os.fstat(file.fileno()).st_size


def _lines_back(path: Path, key: LogKey, end: int, search: Search) -> Iterator[Line]:
    """Yield the lines before a position, the last one first. The file is open only while a part is read."""
    while end > 0:
        begin = max(0, end - READ_BYTES)
        with open(path, "rb", buffering=0) as file:
            file.seek(begin)
            part = file.read(end - begin)
        if begin:  # the first line of a part may be the end of one
            cut = part.find(b"\n") + 1
            cut = cut if cut < len(part) else 0  # not a line that we wrote: none is so long
            begin, part = begin + cut, part[cut:]
        yield from search.lines(part, key, backwards=True)
        end = begin


def _backwards(key: LogKey) -> tuple[int, ...]:
    return (-key.node, *(-each for each in key.item), -key.attempt, -key.grant)


def _push(heap: list[tuple[int, LogKey, Line, Iterator[Line]]], lines: Iterator[Line]) -> None:
    if (line := next(lines, None)) is not None:
        heapq.heappush(heap, (line.at_us, line.key, line, lines))


def names(folder: Path) -> list[str]:
    """What is in a folder; nothing if it does not exist."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:  # nothing was written yet
        return []


def _time_at(path: Path, offset: int) -> int:
    with open(path, "rb", buffering=0) as file:
        return _time_of(file, offset)


def _time_of(file: FileIO, offset: int) -> int:
    file.seek(offset)
    digits = file.read(TIME_BYTES_MAX)[1:].partition(b",")[0]
    return int(digits) if digits.isdigit() else 0


def _line(at_us: int, text: str) -> bytes:
    if len(text) > LINE_CHARACTERS_MAX:
        text = text[:LINE_CHARACTERS_MAX] + "..."
    try:
        return _encode((at_us, text)) + b"\n"
    except UnicodeEncodeError:
        return _encode((at_us, text.encode("utf-8", "replace").decode())) + b"\n"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, str]).decode


def _parsed(raw: bytes, key: LogKey) -> Line | None:
    try:
        at_us, text = _decode(raw)
    except msgspec.DecodeError:  # half a line, of a writer that was killed
        return None
    return Line(at_us, key, text)


def key_of(run_id: bytes, path: Path) -> LogKey | None:
    """The execution that a file belongs to; None if it is another kind of file."""
    try:
        item, attempt, grant = path.stem.split("-")
        items = () if item == "all" else tuple(int(each) for each in item.split("."))
        return LogKey(run_id, int(path.parent.name), items, int(attempt), int(grant))
    except ValueError:
        return None
