"""Values as they travel: small ones inline, larger ones as artifacts in a store."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from penstock_proto.value.v1 import value_pb2
from penstock_proto.wire import INLINE_BYTES_MAX

from .encoded import INLINE_TOTAL_BYTES_MAX, Buffer, Encoded
from .encoder import decode
from .errors import Undecodable
from .scalars import plain_class

MAPPED_FROM_BYTES = 1 << 20  # a smaller artifact is read whole


class Store(Protocol):
    """What of an artifact store is needed here; LocalStore and RemoteStore are such."""

    def put_parts(self, parts: Sequence[Buffer]) -> bytes:
        """Keep the parts as one artifact and return its hash."""
        ...

    def get(self, artifact: bytes) -> bytes:
        """The bytes, verified."""
        ...

    def path(self, artifact: bytes) -> Path:
        """A file with the bytes, verified, never to be changed."""
        ...


def to_value(encoded: Encoded, store: Store, *, inline_bytes_max: int = INLINE_BYTES_MAX) -> value_pb2.Value:
    """Make the message; a value that is too large for it is kept in the store first."""
    value = value_pb2.Value()
    write_value(value, encoded, store, inline_bytes_max=inline_bytes_max)
    return value


def write_value(value: value_pb2.Value, encoded: Encoded, store: Store, *, inline_bytes_max: int) -> None:
    """As `to_value`, into a message that is a part of another: what is put into one later is copied."""
    size = encoded.size_bytes
    if size <= inline_bytes_max:
        value.inline = encoded.data
    else:
        value.artifact = store.put_parts(encoded.parts)
    value.codec, value.size_bytes, value.type_name = encoded.codec, size, encoded.type_name


def to_values(outputs: Iterable[Encoded], store: Store) -> value_pb2.Values:
    """Make the message of all outputs of one action; together they inline at most INLINE_TOTAL_BYTES_MAX."""
    room = INLINE_TOTAL_BYTES_MAX
    values: list[value_pb2.Value] = []
    for encoded in outputs:
        value = to_value(encoded, store, inline_bytes_max=min(room, INLINE_BYTES_MAX))
        room -= len(value.inline)
        values.append(value)
    return value_pb2.Values(values=values)


def from_value(
    value: value_pb2.Value, annotation: object = Any, store: Store | None = None, *, scratch_folder: Path | None = None
) -> object:
    """Decode a message's value as annotated; raises CodecError and what the store raises."""
    body = value.WhichOneof("body")
    annotation = plain_class(value.codec, value.type_name) if annotation is Any else annotation
    if body == "inline":
        return decode(value.codec, value.inline, annotation, scratch_folder=scratch_folder)
    if body is None or store is None:
        raise Undecodable(
            value.codec,
            "the message has no body" if body is None else "it is an artifact, but no artifact store is configured",
        )
    if value.size_bytes < MAPPED_FROM_BYTES:
        return decode(value.codec, store.get(value.artifact), annotation, scratch_folder=scratch_folder)
    return decode(value.codec, store.path(value.artifact), annotation, scratch_folder=scratch_folder)


__all__ = ["Store", "from_value", "to_value", "to_values"]
