"""Files: a pathlib.Path that an operator returns stands for the file's bytes and its name.

Layout: the name's length (2 bytes, little endian), the name in UTF-8, the bytes.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from . import scratch
from .encoded import Buffer
from .errors import BadValue, Undecodable
from .mapping import mapped

NAME_BYTES_MAX = 255
SIZE_BYTES = 2


class FileCodec:
    """Read back, it is a read-only file of the same name, in a folder of its own below the scratch folder."""

    name = "file"
    types = ("pathlib.Path",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue unless it is a file that can be read."""
        path = cast(Path, value)
        try:
            content = mapped(path)
            name = path.name.encode()
        except OSError as error:
            raise BadValue(
                where, f"{path}: {error.strerror}; an operator that returns a path must have written the file"
            ) from None
        except UnicodeEncodeError:
            raise BadValue(where, f"the name {path.name!r} is not valid text; rename the file") from None
        return (len(name).to_bytes(SIZE_BYTES, "little") + name, content)

    def decode(self, data: memoryview, annotation: object) -> object:
        """Writes the file."""
        name = name_of(data)
        folder = scratch.folder() / secrets.token_hex(8)
        folder.mkdir(parents=True)
        write_file(folder / name, content_of(data), 0o444)
        return folder / name


def write_file(path: Path, content: memoryview, mode: int) -> None:
    """Write a new file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "wb", buffering=0) as file:
        while len(content):
            content = content[file.write(content) :]


def name_of(data: memoryview) -> str:
    """Return the name of an encoded file, which is never a path; raises Undecodable."""
    end = _name_end(data)
    if end > len(data):
        raise Undecodable(FileCodec.name, "its name is truncated")
    return _safe_name(bytes(data[SIZE_BYTES:end]))


def content_of(data: memoryview) -> memoryview:
    """Return the bytes of an encoded file."""
    return data[_name_end(data) :]


def _name_end(data: memoryview) -> int:
    return SIZE_BYTES + int.from_bytes(data[:SIZE_BYTES], "little")


def _safe_name(raw: bytes) -> str:
    """One name, never a path: the bytes come from outside."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Undecodable(FileCodec.name, "its name is not UTF-8") from None
    if not 0 < len(raw) <= NAME_BYTES_MAX or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise Undecodable(FileCodec.name, f"{name!r} is not a file name")
    return name
