"""An encoded value: the name of its codec, its bytes in parts, and the name of its type."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeAlias, get_args, get_origin

Buffer: TypeAlias = bytes | memoryview

INLINE_TOTAL_BYTES_MAX = 64 * 1024  # of all outputs of one action
RESULT_BYTES_MAX = 10 * 1024**3


class Encoded(NamedTuple):
    """The bytes come in parts so that large values are not copied before they are written."""

    codec: str
    parts: Sequence[Buffer]
    type_name: str

    @property
    def data(self) -> bytes:
        """All bytes in one piece."""
        return bytes(self.parts[0]) if len(self.parts) == 1 else b"".join(self.parts)

    @property
    def size_bytes(self) -> int:
        """Size of all parts."""
        return len(self.parts[0]) if len(self.parts) == 1 else sum(map(len, self.parts))


def type_name(kind: type) -> str:
    """Qualified name of a type; builtins without their module."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def annotation_name(annotation: object) -> str:
    """An annotation as a reader would write it, without its constraints."""
    if get_origin(annotation) is Annotated:
        return annotation_name(get_args(annotation)[0])
    return (
        type_name(annotation)
        if isinstance(annotation, type) and not hasattr(annotation, "__args__")
        else str(annotation)
    )
