"""Bytes of a container that holds arrays, tensors, files and the like: a tree, and one part for each leaf.

Layout: MAGIC, length of the header (4 bytes, little endian), the header in msgpack, the parts, each aligned.
"""

from collections.abc import Sequence

import msgspec

from .encoded import Buffer, Encoded
from .errors import Undecodable

NAME = "bundle"
MAGIC = b"PSB2"
ALIGN_BYTES = 64  # so that mapped arrays are aligned


class Part(msgspec.Struct, array_like=True, frozen=True):
    """One leaf: its codec and where its bytes are, counted from the end of the header."""

    codec: str
    type_name: str
    offset: int
    size: int


class Items(msgspec.Struct, array_like=True, frozen=True, tag="items"):
    """A list, a tuple or a set."""

    kind: str
    items: list["Node"]


class Table(msgspec.Struct, array_like=True, frozen=True, tag="dict"):
    """A dict; its keys are one leaf, a list."""

    keys: int
    values: list["Node"]


class Record(msgspec.Struct, array_like=True, frozen=True, tag="record"):
    """A dataclass, NamedTuple, TypedDict or pydantic model."""

    kind: str
    names: list[str]
    values: list["Node"]


class Member(msgspec.Struct, array_like=True, frozen=True, tag="member"):
    """What a union holds, with the place of its type among the union's members, which are ordered by their names."""

    place: int
    node: "Node"


Node = int | Items | Table | Record | Member  # int: index of a part


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What is in a bundle."""

    tree: Node
    parts: list[Part]


def assembled(tree: Node, parts: Sequence[Encoded]) -> Sequence[Buffer]:
    """All bytes, without copying those of the parts."""
    listed: list[Part] = []
    out: list[Buffer] = []
    offset = 0
    for part in parts:
        gap = -offset % ALIGN_BYTES
        offset += gap
        listed.append(Part(part.codec, part.type_name, offset, part.size_bytes))
        out.extend((bytes(gap), *part.parts))
        offset += part.size_bytes
    header = msgspec.msgpack.encode(Header(tree, listed))
    gap = -(len(MAGIC) + 4 + len(header)) % ALIGN_BYTES
    return (MAGIC + len(header).to_bytes(4, "little") + header + bytes(gap), *out)


def taken_apart(data: memoryview) -> tuple[Header, memoryview]:
    """The header and what follows it; raises Undecodable."""
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    if bytes(data[: len(MAGIC)]) != MAGIC or end > len(data):
        raise Undecodable(NAME, "it does not start with the magic number")
    try:
        header = msgspec.msgpack.decode(data[start:end], type=Header)
    except (ValueError, RecursionError) as error:
        raise Undecodable(NAME, str(error)) from None
    return header, data[end + (-end % ALIGN_BYTES) :]
