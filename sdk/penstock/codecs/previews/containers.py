"""Containers with arrays, tensors and the like inside: a preview of each part, as deep and as many as can be read."""

from collections.abc import Iterable
from typing import Any, cast

from ..compound_format import Header, Items, Member, Node, Record, Table, taken_apart
from .looks import Head, Preview, preview

DEPTH_MAX = 6
ITEMS_MAX = 20
PARTS_MAX = 200
# Fields of a `penstock.Dataset`.
DATASET = ["columns", "name"]
# Payloads of a `penstock.Model` that are bytes, by its `format`: the codec that they are in truth.
FORMATS = {"onnx": "onnx"}


def bundle(head: Head) -> dict[str, Any]:
    header, body = taken_apart(head.data)
    whole_body = head.size_bytes - (len(head.data) - len(body))
    return _Parts(header, body, whole_body).shown(header.tree, 0)


class _Parts:
    """The parts of one value, as far as they are at hand."""

    def __init__(self, header: Header, body: memoryview, size_bytes: int) -> None:
        self._parts, self._body, self._size_bytes = header.parts, body, size_bytes
        self._left = PARTS_MAX

    def shown(self, node: Node, depth: int) -> dict[str, Any]:
        if isinstance(node, int):
            return self._leaf(node)
        if isinstance(node, Member):
            return self.shown(node.node, depth)
        if depth >= DEPTH_MAX:
            return {"kind": "unknown", "problem": "deeper parts are not shown"}
        if isinstance(node, Items):
            return {"kind": "list", "count": len(node.items), "first": self._each(node.items[:ITEMS_MAX], depth)}
        if isinstance(node, Table):
            return self._table(node, depth)
        if node.names == DATASET and isinstance(node.values[0], Table):
            return self._dataset(node, node.values[0])
        fields = dict(zip(node.names[:ITEMS_MAX], self._each(node.values[:ITEMS_MAX], depth), strict=True))
        self._say_what_bytes_are(node, fields)
        return {"kind": "record", "type": node.kind, "count": len(node.names), "fields": fields}

    def _each(self, nodes: Iterable[Node], depth: int) -> list[dict[str, Any]]:
        return [self.shown(each, depth + 1) for each in nodes]

    def _leaf(self, index: int, codec: str = "") -> Preview:
        part = self._parts[index]
        self._left -= 1
        if self._left < 0:
            return Preview(kind="unknown", problem="further parts are not shown")
        if not 0 <= part.offset <= part.offset + part.size <= self._size_bytes:
            return Preview(kind="unknown", problem="it is out of range of its container")
        return preview(codec or part.codec, Head(self._body[part.offset : part.offset + part.size], part.size))

    def _table(self, node: Table, depth: int) -> dict[str, Any]:
        values = node.values[:ITEMS_MAX]
        first = dict(zip(self._keys(node), self._each(values, depth), strict=False))
        return {"kind": "dict", "count": len(node.values), "first": first}

    def _keys(self, node: Table) -> list[str]:
        shown = self._leaf(node.keys)
        return [str(key) for key in shown.get("value", shown.get("first", []))]

    def _dataset(self, node: Record, columns: Table) -> dict[str, Any]:
        """Columns of one length, as the table that they are."""
        names, shown = self._keys(columns), self._each(columns.values[:ITEMS_MAX], 0)
        cells = [_cells(each) for each in shown]
        rows = next((_length(each) for each in shown), 0)
        return {
            "kind": "table",
            "type": node.kind,
            "rows": rows,
            "count": len(columns.values),
            "columns": [{"name": name, "type": _kind(each)} for name, each in zip(names, shown, strict=False)],
            "first": [list(row) for row in zip(*cells, strict=False)][:5],
        }

    def _say_what_bytes_are(self, node: Record, fields: dict[str, Any]) -> None:
        codec = FORMATS.get(str(fields.get("format", {}).get("value")))
        payload = dict(zip(node.names, node.values, strict=True)).get("payload")
        if codec and isinstance(payload, int) and self._parts[payload].codec == "bytes":
            fields["payload"] = self._leaf(payload, codec)


def _cells(column: dict[str, Any]) -> list[Any]:
    """The first values of a column, as far as its preview has them; rows of a matrix are not values."""
    if column["kind"] == "array":
        return column["first"] if len(column["shape"]) == 1 else ["…"] * min(5, column["shape"][0])
    if column["kind"] == "table":
        return [row[0] for row in column["first"]]
    value = column.get("value", column.get("first", []))
    return cast(list[Any], value) if isinstance(value, list) else []


def _length(column: dict[str, Any]) -> int | None:
    if column["kind"] == "array":
        return column["shape"][0]
    if column["kind"] == "table":
        return column["rows"]
    return column.get("count", len(column.get("value", [])))


def _kind(column: dict[str, Any]) -> str:
    if column["kind"] == "array":
        return column["dtype"] + "".join(f"[{size}]" for size in column["shape"][1:])
    return column["columns"][0]["type"] if column["kind"] == "table" and column["columns"] else "list"
