"""What a docstring says in prose: its first paragraph, and its Args (of a class: Attributes) section."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Attributes):\s*$")
_ENTRY = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


def first_paragraph(documented: Callable[..., Any]) -> str:
    """On one line; empty without a docstring."""
    paragraph = (inspect.getdoc(documented) or "").split("\n\n", 1)[0]
    return "" if _SECTION.match(paragraph) else " ".join(paragraph.split())


def arguments(documented: Callable[..., Any]) -> dict[str, str]:
    """Each entry of the Args section on one line, by the argument's name."""
    found: dict[str, list[str]] = {}
    name, indent = "", -1  # indent: of the section's entries, -1 outside
    lines = iter((inspect.getdoc(documented) or "").splitlines())
    inside = False
    for line in lines:
        if not inside:
            inside = bool(_SECTION.match(line))
            continue
        text, depth = line.strip(), len(line) - len(line.lstrip())
        if text and depth == 0:
            break
        indent = depth if indent < 0 and text else indent
        if depth == indent and (entry := _ENTRY.match(text)):
            name = entry[1]
            found[name] = [entry[2]]
        elif name:
            found[name].append(text)
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}
