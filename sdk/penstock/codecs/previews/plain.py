"""Values that need no library: JSON, bytes, files."""

import itertools
from typing import Any, cast

import msgspec

from ..files import SIZE_BYTES
from ..folders import SIZE_BYTES as FOLDER_SIZE_BYTES
from ..folders import Entry
from .figures import figure
from .looks import Head, NotLooked, shortened

WHOLE_BYTES_MAX = 16 << 10  # JSON that is shown as it is
ITEMS_MAX = 5
TEXT_MAX = 2000
LINES_MAX = 5
LINES_BYTES_MAX = 4096
HEX_BYTES_MAX = 32


def json_value(head: Head) -> dict[str, Any]:
    """The value itself if it is small, else how many items it has, and the first of them."""
    if not head.is_whole:
        return {"kind": "json", "text": _text(head), "cut": True}
    try:
        value = msgspec.json.decode(head.data)
    except msgspec.DecodeError:  # NaN and the infinities, which JSON has not
        return {"kind": "json", "text": _text(head), "cut": head.size_bytes > TEXT_MAX}
    if head.size_bytes <= WHOLE_BYTES_MAX:
        return {"kind": "json", "value": value}
    if isinstance(value, dict):
        items = itertools.islice(cast(dict[str, Any], value).items(), ITEMS_MAX)
        first: Any = {key: shortened(each) for key, each in items}
    elif isinstance(value, list):
        first = [shortened(each) for each in cast(list[Any], value)[:ITEMS_MAX]]
    else:
        return {"kind": "json", "text": _text(head), "cut": True}
    return {"kind": "json", "count": len(cast(Any, value)), "first": first}


def raw(head: Head) -> dict[str, Any]:
    """The first bytes in hexadecimal, and what picture they are."""
    shown = {"kind": "bytes", "size_bytes": head.size_bytes, "first_hex": bytes(head.data[:HEX_BYTES_MAX]).hex()}
    return {**shown, "figure": figure(head.data)}


def file(head: Head) -> dict[str, Any]:
    """Name, size, which picture it is, and the first lines if it is text."""
    end = SIZE_BYTES + int.from_bytes(head.data[:SIZE_BYTES], "little")
    if end > len(head.data):
        raise NotLooked("its name is truncated")
    name = bytes(head.data[SIZE_BYTES:end]).decode()
    size_bytes = head.size_bytes - end
    picture = figure(head.data[end:])
    lines = None if picture else _lines(head.data[end:], size_bytes)
    return {"kind": "file", "name": name, "size_bytes": size_bytes, "figure": picture, "lines": lines}


def folder(head: Head) -> dict[str, Any]:
    """Its name, and how many files it has."""
    start = FOLDER_SIZE_BYTES + int.from_bytes(head.data[:FOLDER_SIZE_BYTES], "little")
    root, *entries = msgspec.msgpack.decode(head.data[FOLDER_SIZE_BYTES:start], type=list[Entry])
    files = [each.path for each in entries if not each.is_folder]
    shown: dict[str, Any] = {"kind": "folder", "name": root.path, "count": len(files)}
    return shown | {"size_bytes": head.size_bytes - start, "first": files[:LINES_MAX]}


def _lines(data: memoryview, size_bytes: int) -> list[str] | None:
    start = bytes(data[:LINES_BYTES_MAX])
    try:
        # A character may be cut in two at the end.
        text = start.decode(errors="strict" if len(start) == size_bytes else "ignore")
    except UnicodeDecodeError:
        return None
    whole = len(text.encode()) >= len(start) - 3
    if "\0" in text or not whole:
        return None
    return [line[:TEXT_MAX] for line in text.splitlines()[:LINES_MAX]]


def _text(head: Head) -> str:
    return bytes(head.data[:TEXT_MAX]).decode(errors="replace")
