"""Values as the files that people and other programs open: figures, tables as CSV or Parquet, folders of parts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from penstock_proto.wire import in_words

from ..codecs import files
from ..codecs.previews.figures import figure
from . import expressions, trees
from .errors import BadFormat
from .trees import Branch, Leaf, Tree

Bytes = Sequence[bytes | memoryview]
# Codecs whose bytes are a format that others read, with its suffix.
NATURAL = {"numpy": ".npy", "arrow": ".arrow", "torch": ".safetensors", "onnx": ".onnx", "sklearn": ".skops"}
# Values of these codecs are tables.
TABLES = {"arrow"}
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".arrow", ".json")
DATASET = ["columns", "name"]
REPORT = {"title", "markdown", "metrics"}
NAME_CHARS_MAX = 100
# The value of a folder, in which the parts that are files are named.
INDEX = "value.json"


@dataclass(frozen=True, slots=True)
class File:
    """The content of one file."""

    suffix: str
    data: Bytes
    # Its own name, of a value that is a file.
    name: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """Files by their names, which are safe."""

    files: Mapping[str, Bytes]
    name: str = ""


Content = File | Folder


def content(tree: Tree, suffix: str = "") -> Content:
    """Return a value as the file that has this suffix, by default one that fits; raises BadFormat, CodecError."""
    if isinstance(tree, Branch):
        return _branch(tree, suffix)
    match tree.codec:
        case "file":
            return File(suffix, (files.content_of(tree.data),), files.name_of(tree.data))
        case "bytes":
            picture = figure(tree.data)
            return File(suffix or (f".{picture['format']}" if picture else ".bin"), (tree.data,))
        case "json":
            return _json(tree, tree.decoded(), suffix)
        case codec if codec in TABLES:
            return _table(tree, tree.decoded, suffix)
        case "numpy" | "torch" if suffix == ".csv":
            return File(suffix, (_matrix_csv(tree.decoded()),))
        case codec:
            natural = NATURAL.get(codec, "")
            if natural and suffix not in ("", natural):
                raise BadFormat(f"a value of codec {codec!r} is saved as {natural}, not as {suffix}")
            return File(suffix or natural or ".bin", (tree.data,))


def _json(leaf: Leaf, value: Any, suffix: str) -> Content:
    if isinstance(value, str) and suffix != ".json":
        return File(suffix or ".txt", (value.encode(errors="replace"),))
    if isinstance(value, dict) and value.keys() >= REPORT and suffix in ("", ".md", ".txt"):
        report = cast("dict[str, Any]", value)
        return File(suffix or ".md", (f"# {report['title']}\n\n{report['markdown']}\n".encode(),))
    if (rows := _rows_of(value)) is not None and suffix in (".csv", ".tsv", ".parquet", ".arrow"):
        return _table(leaf, lambda: rows, suffix)
    if suffix in ("", ".json", ".txt", ".yaml", ".yml"):
        return File(suffix or ".json", _json_text(leaf, value))
    raise BadFormat(f"a JSON value is saved as .json, a list of rows also as .csv or .parquet, not as {suffix}")


def _json_text(leaf: Leaf, value: Any) -> Bytes:
    try:
        text = json.dumps(in_words(value), ensure_ascii=False, indent=2)
        return (text.encode(errors="replace"), b"\n")
    except ValueError:  # an integer of thousands of digits
        return (leaf.data, b"\n")


def _rows_of(value: Any) -> dict[str, list[Any]] | None:
    """Columns of what is a table in JSON: a Dataset, or dicts with the same keys."""
    if isinstance(value, dict) and sorted(cast("dict[str, Any]", value)) == DATASET:
        columns = cast("dict[str, Any]", value)["columns"]
        return cast("dict[str, list[Any]]", columns) if isinstance(columns, dict) else None
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in cast("list[Any]", value)):
        return None
    rows = cast("list[dict[str, Any]]", value)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _branch(branch: Branch, suffix: str) -> Content:
    if trees.is_json(branch):
        data = json.dumps(trees.json_of(branch), ensure_ascii=False).encode(errors="replace")
        return _json(Leaf("json", memoryview(data)), trees.plain(branch), suffix)
    if branch.kind == "record" and list(branch.names) == DATASET and isinstance(branch.parts[0], Branch):
        columns = branch.parts[0]
        if suffix in ("", *TABLE_SUFFIXES) and columns.kind == "dict":
            return _table(branch, lambda: trees.plain(columns), suffix)
    payload = branch.part("payload") if branch.kind == "record" else None
    if payload is not None and suffix:  # a Model: the trained weights alone
        return content(payload, suffix)
    if suffix:
        what = "a model with several parts" if payload is not None else "a value with several parts"
        raise BadFormat(f"{what} is saved as a folder, whose name has no suffix; or name one part of it")
    saved: dict[str, Bytes] = {}
    index = _index(branch, "", saved)
    saved[INDEX] = (json.dumps(index, ensure_ascii=False, indent=2).encode(errors="replace"), b"\n")
    return Folder(saved)


def _index(tree: Tree, path: str, saved: dict[str, Bytes]) -> Any:
    """The JSON of a value; each part that is not JSON becomes a file, and stands there as its name."""
    if isinstance(tree, Branch):
        parts = [(name, _index(part, f"{path}.{name}" if path else name, saved)) for name, part in tree.items()]
        return [part for _, part in parts] if tree.kind == "list" else dict(parts)
    if tree.codec == "json":
        return expressions.plain_json(tree.data)
    made = content(tree)
    assert isinstance(made, File)
    wanted = _safe(path) + made.suffix if not made.name else f"{_safe(path)}-{made.name}"
    name, count = wanted, 2
    while name in saved or name == INDEX:
        name, count = f"{count}-{wanted}", count + 1
    saved[name] = made.data
    return {"file": name}


def safe_name(name: str, suffix: str) -> str:
    """Return a file's name for an output: one that is no path and hides nothing."""
    return _safe(name) + suffix


def _safe(name: str) -> str:
    return re.sub(r"[^\w.+=,@ -]", "_", name).strip(". ")[:NAME_CHARS_MAX] or "value"


def _table(tree: Tree, value: Callable[[], Any], suffix: str) -> File:
    """A table as text or as columns; what is already Arrow is not read."""
    if suffix == ".arrow" and isinstance(tree, Leaf) and tree.codec == "arrow":
        return File(suffix, (tree.data,))
    match suffix or ".csv":
        case ".csv":
            return File(".csv", (_csv(value(), ","),))
        case ".tsv":
            return File(".tsv", (_csv(value(), "\t"),))
        case ".parquet":
            return File(".parquet", (_parquet(value()),))
        case ".json":
            columns = _columns(value())
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            rows = in_words(rows)
            return File(".json", (json.dumps(rows, ensure_ascii=False, indent=1, default=str).encode(), b"\n"))
        case other:
            raise BadFormat(f"a table is saved as {', '.join(TABLE_SUFFIXES)}, not as {other}")


def _csv(value: Any, separator: str) -> bytes:
    if hasattr(value, "to_csv"):  # of pandas; a plain count of the rows is left out
        return value.to_csv(index=_has_index(value), sep=separator).encode()
    columns = _columns(value)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode(errors="replace")


def _has_index(value: Any) -> bool:
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

    index = value.index
    return not (isinstance(index, pd.RangeIndex) and index.name is None and (index.start, index.step) == (0, 1))


def _columns(value: Any) -> dict[str, list[Any]]:
    """Columns of plain values, from a dict of columns, a frame or an Arrow table."""
    if not isinstance(value, dict):
        value = _arrow_table(value).to_pydict()
    columns = cast("dict[str, Any]", value)
    return {
        str(name): column.tolist() if hasattr(column, "tolist") else list(column) for name, column in columns.items()
    }


def _parquet(value: Any) -> memoryview:
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
    import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]

    sink = cast(Any, pa).BufferOutputStream()
    cast(Any, pq).write_table(_arrow_table(value), sink)
    return memoryview(sink.getvalue())


def _arrow_table(value: Any) -> Any:
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

    library = cast(Any, pa)
    if isinstance(value, library.Table):
        return value
    if isinstance(value, library.RecordBatch):
        return library.Table.from_batches([value])
    if isinstance(value, library.Array | library.ChunkedArray):
        return library.table({"value": value})
    if isinstance(value, dict):
        return library.table({name: _column(each) for name, each in cast("dict[str, Any]", value).items()})
    if hasattr(value, "to_arrow"):  # of polars
        return value.to_arrow()
    if value.ndim == 1:
        value = value.to_frame("value" if value.name is None else value.name)
    return library.Table.from_pandas(value)


def _column(values: Any) -> Any:
    """A matrix is a column of lists."""
    return list(values) if getattr(values, "ndim", 1) > 1 else values


def _matrix_csv(value: Any) -> bytes:
    import numpy as np

    array = np.asarray(value)
    if array.ndim > 2 or array.dtype.names:
        raise BadFormat(f"an array of {array.ndim} axes has no form as .csv; save it as .npy")
    out = io.StringIO(newline="")
    rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    csv.writer(out, lineterminator="\n").writerows(rows.tolist())
    return out.getvalue().encode()
