"""A list that a map has opened: each item encoded by itself, so that one is read without the others.

Layout, little-endian: the letters "PSL1"; the size of the header as 4 bytes; the header as JSON, {"items": N, "kinds":
[[codec, type name], ...]}; for each item 2 bytes, its kind; for each item 8 bytes, where its bytes end; the bytes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from penstock_proto.value.v1 import value_pb2

from .encoded import Buffer, Encoded
from .encoder import decode, encode
from .errors import Undecodable
from .mapping import mapped
from .values import Store

CODEC: Final = "opened-list"
_MAGIC: Final = b"PSL1"


class _Header(msgspec.Struct):
    items: int
    kinds: list[tuple[str, str]]


def encode_items(items: Sequence[object], annotation: object, where: str) -> Encoded:
    """Encode a list, each item as annotated; raises what `encode` raises."""
    kinds: dict[tuple[str, str], int] = {}
    kind_of, ends = array("H"), array("Q")
    parts: list[Buffer] = []
    end = 0
    for number, item in enumerate(items):
        encoded = encode(item, annotation, where=f"item {number} of {where}")
        kind_of.append(kinds.setdefault((encoded.codec, encoded.type_name), len(kinds)))
        parts.extend(encoded.parts)
        end += encoded.size_bytes
        ends.append(end)
    if sys.byteorder != "little":
        kind_of.byteswap()
        ends.byteswap()
    header = msgspec.json.encode(_Header(len(items), list(kinds)))
    head = _MAGIC + len(header).to_bytes(4, "little") + header + kind_of.tobytes() + ends.tobytes()
    return Encoded(CODEC, (head, *parts) if len(parts) < 1_000 else (head, b"".join(parts)), "list")


class OpenedList:
    """Reads the items of one opened list; raises Undecodable."""

    def __init__(self, value: value_pb2.Value, store: Store) -> None:
        if value.codec != CODEC:
            raise Undecodable(value.codec, "a list that a map opened was expected")
        self._data = mapped(store.path(value.artifact)) if value.artifact else memoryview(value.inline)
        if bytes(self._data[:4]) != _MAGIC:
            raise Undecodable(CODEC, "it does not begin as such a list does")
        size = int.from_bytes(self._data[4:8], "little")
        try:
            self._header = msgspec.json.decode(self._data[8 : 8 + size], type=_Header)
        except msgspec.MsgspecError as error:
            raise Undecodable(CODEC, str(error)) from None
        self._kinds = 8 + size
        self._ends = self._kinds + 2 * self._header.items
        self._items = self._ends + 8 * self._header.items

    def __len__(self) -> int:
        return self._header.items

    def item(self, number: int, annotation: object, scratch_folder: Path | None = None) -> object:
        """Decode one item as annotated."""
        codec, _, data = self.encoded(number)
        return decode(codec, data, annotation, scratch_folder=scratch_folder)

    def encoded(self, number: int) -> tuple[str, str, memoryview]:
        """Codec, name of the type and bytes of one item."""
        if not 0 <= number < self._header.items:
            raise Undecodable(CODEC, f"it has {self._header.items} items, and none with number {number}")
        at = self._kinds + 2 * number
        codec, type_name = self._header.kinds[int.from_bytes(self._data[at : at + 2], "little")]
        start = self._end(number - 1) if number else 0
        return codec, type_name, self._data[self._items + start : self._items + self._end(number)]

    def _end(self, number: int) -> int:
        at = self._ends + 8 * number
        return int.from_bytes(self._data[at : at + 8], "little")
