"""Pictures, known by their first bytes: format and size, without a library that decodes them."""

import re
import struct
from collections.abc import Callable
from typing import Any

LOOKED_AT_BYTES = 1 << 16
SVG_BYTES = 4096

Size = tuple[int, int] | None


def figure(data: bytes | memoryview) -> dict[str, Any] | None:
    """Return `format`, and `width` and `height` in pixels where they are written; None if it is not a picture."""
    start = bytes(memoryview(data)[:LOOKED_AT_BYTES])
    for name, (is_one, size_of) in _FORMATS.items():
        if is_one(start):
            try:
                size = size_of(start)
            except (struct.error, ValueError):
                size = None
            return {"format": name} | ({"width": size[0], "height": size[1]} if size else {})
    return None


def _png(data: bytes) -> Size:
    return struct.unpack(">II", data[16:24])


def _gif(data: bytes) -> Size:
    return struct.unpack("<HH", data[6:10])


def _jpeg(data: bytes) -> Size:
    """The frame's header, behind segments of any length."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp(data: bytes) -> Size:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF


def _svg(data: bytes) -> Size:
    """Only what is said in plain numbers or pixels."""
    tag = re.search(rb"<svg\b[^>]*", data)
    found = [
        re.search(rb"\s" + word + rb"=[\"']\s*([0-9.]+)(px|pt)?\s*[\"']", tag[0] if tag else b"")
        for word in (b"width", b"height")
    ]
    sizes = [round(float(each[1])) for each in found if each]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None


def _is_svg(data: bytes) -> bool:
    head = data[:SVG_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"<?xml", b"<svg", b"<!DOCTYPE svg")) and b"<svg" in head


_FORMATS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], Size]]] = {
    "png": (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    "jpeg": (lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    "gif": (lambda data: data.startswith((b"GIF87a", b"GIF89a")), _gif),
    "webp": (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
    "svg": (_is_svg, _svg),
}
