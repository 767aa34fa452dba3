"""Folders: a pathlib.Path of a folder stands for all files below it, with their names and whether they can be executed.

Layout: the length of the list (8 bytes, little endian), the list in msgpack, the bytes of all files one after another.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

import msgspec

from . import scratch
from .encoded import Buffer
from .errors import BadValue, Undecodable
from .files import NAME_BYTES_MAX, write_file
from .mapping import mapped

ENTRIES_MAX = 10_000  # each file is mapped into memory while the folder is written
SIZE_BYTES = 8


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A file, or a folder without files; `path` is relative, its parts joined by /."""

    path: str
    size: int
    is_folder: bool
    is_executable: bool


class FolderCodec:
    """Read back, it is a folder of the same name with read-only files, in a folder of its own."""

    name = "folder"
    types = ()  # a path is a file's or a folder's: `files.FileCodec` says which

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue for links, and what is neither file nor folder."""
        root = cast(Path, value)
        entries, contents = [Entry(_name(root.resolve().name, where), 0, True, False)], list[Buffer]()
        try:
            for path, is_folder in sorted(_below(root, where)):
                content: Buffer = b"" if is_folder else mapped(path)
                executable = not is_folder and os.access(path, os.X_OK)
                relative = _name(path.relative_to(root).as_posix(), where)
                entries.append(Entry(relative, len(content), is_folder, executable))
                contents.append(content)
                if len(entries) > ENTRIES_MAX:
                    raise BadValue(where, f"{root} has more than {ENTRIES_MAX:,} files; return an archive of them")
        except OSError as error:
            raise BadValue(where, f"{error.filename or root}: {error.strerror}") from None
        listed = msgspec.msgpack.encode(entries)
        return (len(listed).to_bytes(SIZE_BYTES, "little") + listed, *contents)

    def decode(self, data: memoryview, annotation: object) -> object:
        """Writes the files; no path leads out of the folder."""
        start = SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")
        if start > len(data):
            raise Undecodable(self.name, "its list is truncated")
        root, *entries = msgspec.msgpack.decode(data[SIZE_BYTES:start], type=list[Entry])
        if len(_parts(root.path)) != 1:
            raise Undecodable(self.name, f"{root.path!r} is not a folder's name")
        folder = scratch.folder() / secrets.token_hex(8) / root.path
        folder.mkdir(parents=True)
        for entry in entries:
            path = folder.joinpath(*_parts(entry.path))
            if not 0 <= entry.size <= len(data) - start:
                raise Undecodable(self.name, f"{entry.path!r} is truncated")
            if entry.is_folder:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, data[start : start + entry.size], 0o555 if entry.is_executable else 0o444)
            start += entry.size
        return folder


def _below(root: Path, where: str) -> Iterator[tuple[Path, bool]]:
    """All files, and the folders that have none."""
    for folder, folders, files in os.walk(root, onerror=_fail):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise BadValue(where, f"{path} is a link, or no file; return a folder of files")
        yield from ((Path(folder, name), False) for name in files)
        if not files and not folders and Path(folder) != root:
            yield Path(folder), True


def _fail(error: OSError) -> None:
    raise error


def _name(name: str, where: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadValue(where, f"the name {name!r} is not valid text; rename the file") from None
    return name


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a relative path that stays below; the bytes come from outside."""
    parts = PurePosixPath(path).parts
    bad = not parts or path.startswith("/") or "\\" in path or "\0" in path or path != "/".join(parts)
    if bad or any(each in (".", "..") or len(each.encode()) > NAME_BYTES_MAX for each in parts):
        raise Undecodable(FolderCodec.name, f"{path!r} is not a path below it")
    return parts
