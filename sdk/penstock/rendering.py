"""What a renderer returns: data that the console draws. See docs/plugins.md."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

CONTENT_CHARS_MAX = 4 << 20


@dataclass(frozen=True)
class Rendering:
    """A view of a value, at most 4 MiB of text. Nothing in it is trusted: it never becomes code of the console.

    Attributes:
        kind: What `content` is.
        content: Markdown; HTML; JSON of rows or of a specification of Vega-Lite; base64 of a picture.
    """

    kind: Literal["markdown", "table", "vega_lite", "image", "html"]
    content: str

    def __post_init__(self) -> None:
        if len(self.content) > CONTENT_CHARS_MAX:
            size = len(self.content)
            raise ValueError(f"a rendering has at most {CONTENT_CHARS_MAX:,} characters, not {size:,}: show less of it")


def markdown(text: str) -> Rendering:
    """Return a view of a text in Markdown."""
    return Rendering("markdown", text)


def table(rows: Sequence[Mapping[str, Any]]) -> Rendering:
    """Return a view of rows, each a JSON value by column."""
    return Rendering("table", json.dumps(list(map(dict, rows)), allow_nan=False))


def vega_lite(specification: Mapping[str, Any]) -> Rendering:
    """Return a chart by a specification of Vega-Lite that has its data within it."""
    return Rendering("vega_lite", json.dumps(dict(specification), allow_nan=False))


def image(data: bytes) -> Rendering:
    """Return a picture: the bytes of a PNG, JPEG, GIF or WebP file."""
    return Rendering("image", base64.b64encode(data).decode())


def html(text: str) -> Rendering:
    """Return a page of HTML. It is shown in a frame that runs no scripts and loads nothing."""
    return Rendering("html", text)
