"""Previews of values as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard, cast

from penstock_plan.show.sizes import size
from rich.cells import cell_len, set_cell_size

from ..codecs.previews import Preview
from .terminal import clean

INDENT = "  "
CELL_WIDTH_MAX = 24
COLUMNS_MAX = 12
PARTS_MAX = 20
TEXT_MAX = 200


def is_previewed(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it stands for a value that is not plain JSON; a user's own dict never does."""
    return isinstance(value, dict) and isinstance(cast(dict[str, Any], value).get("preview"), Preview)


def plain_value(value: dict[str, Any]) -> Any:
    """The value itself, if it was kept apart only for its size."""
    return value["preview"].get("value")


def parts_of(name: str, value: Any) -> list[tuple[str, Any]]:
    """An output, or its parts where the workflow put previewed values together to a list or dict."""
    if isinstance(value, list):
        parts = [(f"{name}[{index}]", each) for index, each in enumerate(cast(list[Any], value))]
    elif isinstance(value, dict) and not is_previewed(value):
        parts = [(f"{name}[{key!r}]", each) for key, each in cast(dict[str, Any], value).items()]
    else:
        return [(name, value)]
    return parts[:PARTS_MAX] if any(is_previewed(part) for _, part in parts) else [(name, value)]


def preview_lines(value: dict[str, Any]) -> list[str]:
    """Return the lines that show a value that is not plain JSON: a headline, then its first parts."""
    head, *rest = _lines(value["preview"])
    return [f"{head}, {size(value['preview'].get('size_bytes', value['size_bytes']))}", *rest]


def _lines(shown: dict[str, Any]) -> list[str]:
    """The first line continues the value's name; the others are indented."""
    match shown["kind"]:
        case "json":
            return _json(shown)
        case "table":
            return _table(shown)
        case "array":
            first = ", ".join(map(_cell, shown["first"]))
            return [f"array {shown['dtype']} {_shape(shown['shape'])}: {first}{_more(shown)}"]
        case "tensor" | "tensors":
            return _tensors(shown)
        case "onnx":
            return _onnx(shown)
        case "file" | "bytes" if figure := shown.get("figure"):
            named = f"figure {shown['name']}, " if "name" in shown else "figure, "
            return [named + figure_text(figure)]
        case "file":
            lines: list[str] = shown["lines"] or []
            return [f"file {shown['name']}", *(INDENT + line for line in lines)]
        case "bytes":
            return [f"bytes {shown['first_hex']}{'…' if shown['size_bytes'] * 2 > len(shown['first_hex']) else ''}"]
        case "record":
            return [shown["type"].rpartition(".")[2], *_parts(shown["fields"].items(), shown["count"])]
        case "dict":
            return [f"dict of {shown['count']}", *_parts(shown["first"].items(), shown["count"])]
        case "list":
            named = ((f"[{index}]", part) for index, part in enumerate(shown["first"]))
            return [f"list of {shown['count']}", *_parts(named, shown["count"])]
        case _:
            return [f"not shown: {shown.get('problem', '')}"]


def figure_text(figure: dict[str, Any]) -> str:
    """The format of a picture and its size in pixels."""
    size_px = f" {figure['width']}x{figure['height']}" if "width" in figure else ""
    return figure["format"].upper() + size_px


def _json(shown: dict[str, Any]) -> list[str]:
    if "value" in shown:
        return [_short(shown["value"])]
    if "text" in shown:
        return [shown["text"][:TEXT_MAX] + ("…" if shown["cut"] or len(shown["text"]) > TEXT_MAX else "")]
    if isinstance(shown["first"], dict):
        first = cast(dict[str, Any], shown["first"])
        return [f"dict of {shown['count']}", *(f"{INDENT}{name}: {_cell(first[name])}" for name in first), f"{INDENT}…"]
    return [f"list of {shown['count']}: {', '.join(map(_cell, shown['first']))}, …"]


def _table(shown: dict[str, Any]) -> list[str]:
    rows = "rows unknown" if shown["rows"] is None else f"{shown['rows']} rows"
    columns = shown["columns"][:COLUMNS_MAX]
    cells = [[_cell(each) for each in row[: len(columns)]] for row in shown["first"]]
    heads = [[column["name"] for column in columns], [column["type"] for column in columns]]
    lines = [f"table of {rows}, {shown['count']} columns"]
    lines += [INDENT + line for line in _aligned([*heads, *cells])]
    if shown["count"] > len(columns):
        lines.append(f"{INDENT}and {shown['count'] - len(columns)} more columns")
    return lines + ([f"{INDENT}…"] if shown["rows"] is None or shown["rows"] > len(cells) else [])


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    fitted = [[clean(each) for each in row] for row in rows]
    fitted = [
        [each if len(each) <= CELL_WIDTH_MAX else each[: CELL_WIDTH_MAX - 1] + "…" for each in row] for row in fitted
    ]
    widths = [max(map(cell_len, column)) for column in zip(*fitted, strict=False)]
    for row in fitted:
        yield "  ".join(set_cell_size(each, wide) for each, wide in zip(row, widths, strict=False)).rstrip()


def _tensors(shown: dict[str, Any]) -> list[str]:
    listed = [f"{each['dtype']} {_shape(each['shape'])}" for each in shown["tensors"]]
    if shown["kind"] == "tensor":
        return [f"tensor {listed[0]}"]
    lines = [f"{shown['count']} tensors, {shown['parameters']:,} parameters"]
    named = [[each["name"], kind] for each, kind in zip(shown["tensors"], listed, strict=True)]
    lines += [INDENT + line for line in _aligned(named)]
    return lines + ([f"{INDENT}and {shown['count'] - len(listed)} more"] if shown["count"] > len(listed) else [])


def _onnx(shown: dict[str, Any]) -> list[str]:
    opset = ", ".join(f"{name} {version}" for name, version in shown["opset"].items())
    made_by = f", made by {shown['producer']}" if shown["producer"] else ""
    ports = [
        f"{INDENT}{word} {port['name']}: {port['type']} {_shape(port['shape'])}"
        for word, key in (("in ", "inputs"), ("out", "outputs"))
        for port in shown[key]
    ]
    return [f"ONNX model of {shown['nodes']} nodes, opset {opset}{made_by}", *ports]


def _parts(parts: Any, count: int) -> list[str]:
    lines: list[str] = []
    listed = 0
    for name, part in parts:
        first, *rest = _lines(part)
        lines += [f"{INDENT}{name}: {first}", *(INDENT + line for line in rest)]
        listed += 1
    return lines + ([f"{INDENT}and {count - listed} more"] if count > listed else [])


def _shape(shape: Sequence[Any]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def _more(shown: dict[str, Any]) -> str:
    count = 1
    for each in shown["shape"]:
        count *= each
    return ", …" if count > len(shown["first"]) else ""


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value if isinstance(value, str) else _short(value)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _cut(text, TEXT_MAX)


def _cut(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[: length_max - 1] + "…"
