"""Outputs as text: short values as they are, others by their beginning, and how to save them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, cast

from penstock_proto.wire import NOT_FINITE
from rich.console import RenderableType
from rich.markdown import Markdown
from rich.text import Text

from . import previews
from .terminal import clean, clean_lines

VALUE_CHARS_MAX = 400
# Of a long text.
TEXT_CHARS_MAX = 2000
LINES_MAX = 20
LINE_CHARS_MAX = 120
ITEMS_MAX = 8
ID_DIGITS = 12


def command(run_id: str, path: str) -> str:
    """Return what to type to save an output; the last digits of an id tell runs apart."""
    return f"penstock get {run_id[-ID_DIGITS:]} {shlex.quote(path)}"


def printed(outputs: Mapping[str, Any], run_id: str, node: str = "") -> list[RenderableType]:
    """Each output by its name, with an empty line before it; last, how to save those that are not shown whole."""
    parts: list[RenderableType] = []
    cut: list[str] = []
    for name, value in outputs.items():
        for each, part in previews.parts_of(name, value):
            path = f"{node}.{each}" if node else each
            shown = _output(each, part, command(run_id, path))
            parts += ["", *shown.lines]
            cut += [path] if shown.is_cut else []
    if cut:
        one = command(run_id, cut[0]) + " FILE"
        others = f"; also {', '.join(cut[1:ITEMS_MAX])}" + (", …" if len(cut) > ITEMS_MAX else "") if cut[1:] else ""
        parts += ["", Text(clean(f"save: {one}{others}"), style="dim")]
    return parts


class _Shown:
    """The lines of one output, and whether there is more of it than they show."""

    def __init__(self, *lines: RenderableType, is_cut: bool = False) -> None:
        self.lines, self.is_cut = lines, is_cut


def _output(name: str, value: Any, get: str) -> _Shown:
    """An output, a report as the text that it is, everything else as short JSON."""
    label = Text(clean(name), style="bold")
    if previews.is_previewed(value):
        if (plain := previews.plain_value(value)) is None:
            first, *rest = previews.preview_lines(value)
            lines = [label + Text(": " + clean(first), style="not bold"), *(Text(clean(line)) for line in rest)]
            if value["preview"].get("figure"):
                return _Shown(lines[0] + Text(clean(f"; save: {get}"), style="dim not bold"), *lines[1:])
            return _Shown(*lines, is_cut=True)
        value = plain
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        if {"title", "markdown", "metrics"} <= fields.keys():
            title = Text(f"{clean(name)}: {clean(str(fields['title']))}", style="bold")
            return _Shown(title, Markdown(clean_lines(str(fields["markdown"])), hyperlinks=False))
        if list(fields) == ["numbers"] and (numbers := _number_lines(fields["numbers"])):
            return _Shown(label, *numbers)
    if isinstance(value, str):
        text = value if len(value) <= TEXT_CHARS_MAX else value[:TEXT_CHARS_MAX] + "…"
        return _Shown(label + Text(": " + clean_lines(text), style="not bold"), is_cut=text is not value)
    whole = json.dumps(value, ensure_ascii=False)
    if len(whole) <= VALUE_CHARS_MAX:
        return _Shown(label + Text(": " + clean(whole), style="not bold"))
    first, *rest = _long(value)
    return _Shown(label + Text(": " + first, style="not bold"), *map(Text, rest), is_cut=True)


def _long(value: Any) -> list[str]:
    """The first line says what it is; then the beginning, a line for each part that is not a number."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        lines = [f"  {key}: {_short(each)}" for key, each in list(fields.items())[:LINES_MAX]]
        return [f"dict of {len(fields)}", *map(clean, lines), *_more(len(fields) - len(lines))]
    items = cast("list[Any]", value)
    if all(isinstance(each, int | float | None) or each in NOT_FINITE for each in items):
        first = ", ".join(f"{each:.6g}" if isinstance(each, float) else str(each) for each in items[:ITEMS_MAX])
        return [f"list of {len(items)}: {first}, …"]
    lines = [f"  [{index}]: {_short(each)}" for index, each in enumerate(items[:ITEMS_MAX])]
    return [f"list of {len(items)}", *map(clean, lines), *_more(len(items) - len(lines))]


def _more(count: int) -> list[str]:
    return [f"  and {count} more"] if count > 0 else []


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LINE_CHARS_MAX else text[: LINE_CHARS_MAX - 1] + "…"


def _number_lines(numbers: Any) -> list[Text]:
    """One line for each number; none if it is something else that has the name."""
    if not isinstance(numbers, dict) or not all(isinstance(each, int | float) for each in cast(Any, numbers).values()):
        return []
    return [Text(f"  {clean(key)}: {each:.6g}") for key, each in cast("dict[str, float]", numbers).items()]
