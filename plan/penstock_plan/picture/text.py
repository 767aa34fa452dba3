"""Text in a picture: nothing that XML forbids or that steers a reader's terminal, and as long as there is room."""

import unicodedata
from collections.abc import Mapping

from penstock_proto.plan.v1 import plan_pb2

from ..show.sizes import size

# Mean width of a character of a sans-serif face, in parts of its size; wide ones (CJK) take a whole size.
CHAR_WIDTH = 0.56
_UNSHOWN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")


def shown(text: str) -> str:
    """Return the text on one line, with characters that cannot be shown written out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _UNSHOWN else char
        for char in text
    )


def width(text: str, size: float) -> float:
    """About how wide the text is."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return size * (CHAR_WIDTH * (len(text) - wide) + wide)


def fitted(text: str, size: float, room: float) -> str:
    """Return the text as it is shown, cut to the room."""
    text = shown(text)
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def resources(held: plan_pb2.Resources) -> str:
    """What one execution holds."""
    return amounts(held.cpu_milli, held.gpu, held.memory_bytes) + _labels(held.labels)


def amounts(cpu_milli: int, gpu: int, memory_bytes: int) -> str:
    """Cores, GPUs and memory in a few words."""
    parts = [f"{cpu_milli / 1000:g} CPU"] if cpu_milli else []
    parts += [f"{gpu} GPU"] if gpu else []
    parts += [size(memory_bytes)] if memory_bytes else []
    return ", ".join(parts)


def _labels(labels: Mapping[str, str]) -> str:
    return "".join(f", {name}={labels[name]}" for name in sorted(labels))
