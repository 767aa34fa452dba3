"""The registry: which function looks at the values of which codec."""

from collections.abc import Callable
from typing import Any, NamedTuple

# So much of an artifact is fetched for its preview, where its bytes are not on this machine.
HEAD_BYTES_MAX = 16 << 20
TEXT_MAX = 80  # characters of one value among others


class Head(NamedTuple):
    """The beginning of an encoded value, and how many bytes it has altogether."""

    data: memoryview
    size_bytes: int

    @property
    def is_whole(self) -> bool:
        return len(self.data) >= self.size_bytes


class Preview(dict[str, Any]):
    """A JSON object; a class of its own, so that it is told from a user's value that looks the same."""


class NotLooked(Exception):
    """Why there is nothing to see; the message is for people."""


Look = Callable[[Head], dict[str, Any]]

_looks: dict[str, Look] = {}


def register(codec: str, look: Look) -> None:
    """Use a function for the values of a codec, by the codec's name on the wire; the newest wins."""
    _looks[codec] = look


def preview(codec: str, head: Head) -> Preview:
    """Return what there is to see; if nothing, `problem` says why."""
    look = _looks.get(codec)
    if look is None:
        return Preview(kind="unknown", problem=f"values of codec {codec!r} have no preview")
    try:
        return Preview(look(head))
    except NotLooked as reason:
        return Preview(kind="unknown", problem=str(reason))
    except ModuleNotFoundError as error:
        return Preview(kind="unknown", problem=f"to see it, install {error.name}")
    except Exception as error:  # the bytes come from others, and must not keep the rest from being shown
        what = "it cannot be read" if head.is_whole else "its first part alone cannot be read"
        return Preview(kind="unknown", problem=f"{what} as {codec!r}: {type(error).__name__}: {error}"[:500])


def shortened(value: object) -> Any:
    """A JSON value for one of many: numbers as they are, everything else as short text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON has neither NaN nor the infinities
    text = value if isinstance(value, str) else repr(value)[: TEXT_MAX + 1]
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"
