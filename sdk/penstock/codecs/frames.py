"""pandas frames as Arrow tables: each column, the index and the labels exactly, by what is written beside them.

A column of a dtype that Arrow has is an Arrow column. Categories, and cells that are Python objects, are encoded by the
codecs themselves, the latter cell by cell. What does not come back in its very dtype is refused where it is written.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from . import times
from .encoded import Encoded, type_name
from .errors import BadValue

# Key of the schema's metadata that says what the table was.
FACTS = b"penstock.frame"
CELL_JSON, CELL_OTHER = b"j", b"b"  # first byte of a cell: JSON, or a bundle that begins with its codec's name
NAME_END = b"\0"
OBJECT = "object"  # the dtype of Python objects
CONVERT = "convert it with astype(...)"
Facts = dict[str, Any]
Encode = Callable[[object, object, str], Encoded]
Decode = Callable[[str, memoryview, object], object]


class Frames:
    """Writes and reads frames, series and indexes, with the codecs for cells and labels."""

    def __init__(self, encode: Encode, decode: Decode) -> None:
        self._encode, self._decode = encode, decode

    def table(self, value: Any, where: str) -> tuple[Any, bytes]:
        """The Arrow table of a value, and the facts without which it is not that value; raises BadValue."""
        pd = _pandas()

        kind = _kind(value, where)
        if kind == "scalar":
            value = pd.Series([value])
        frame = (
            value.to_frame()
            if kind in ("series", "scalar")
            else pd.DataFrame(index=value)
            if kind == "index"
            else value
        )
        columns = [self._column(frame.iloc[:, at], f"{where}[{label!r}]") for at, label in enumerate(frame.columns)]
        levels, index = self._index(frame.index, f"{where}.index")
        facts: Facts = {"kind": kind, "columns": [each for _, each in columns], "index": index}
        facts |= self._labels(value, frame, kind, where)
        arrays = [array for array, _ in columns] + levels
        names = [
            str(label) for label in (*frame.columns, *(name or "index" for name in frame.index.names[: len(levels)]))
        ]
        table = _arrow().Table.from_arrays(arrays, names=names)
        return table, json.dumps(facts).encode()

    def value(self, table: Any, data: bytes) -> object:
        """What was written."""
        pd = _pandas()

        facts: Facts = json.loads(data)
        columns = facts["columns"]
        read = [self._series(table.column(at), each) for at, each in enumerate(columns)]
        index = self._read_index([table.column(at) for at in range(len(columns), table.num_columns)], facts["index"])
        if facts["kind"] == "index":
            return index
        if facts["kind"] == "scalar":
            return read[0].iloc[0]
        for each in read:
            each.index = index
        if facts["kind"] == "series":
            return self._flagged(read[0].rename(self._unpacked(facts["name"])), facts)
        frame = pd.concat(read, axis=1) if read else pd.DataFrame(index=index)
        frame.columns = self._read_columns(facts, table.schema.names[: len(columns)])
        return self._flagged(frame, facts)

    def _flagged(self, value: Any, facts: Facts) -> Any:
        value.attrs = self._unpacked(facts["attrs"]) if "attrs" in facts else {}
        return value.set_flags(allows_duplicate_labels=False) if facts.get("unique") else value

    def _labels(self, value: Any, frame: Any, kind: str, where: str) -> Facts:
        facts: Facts = {}
        if kind in ("series", "frame"):
            if value.attrs:
                facts["attrs"] = self._packed(dict(value.attrs), f"{where}.attrs")
            if not value.flags.allows_duplicate_labels:
                facts["unique"] = True
        if kind == "series":
            facts["name"] = self._packed(value.name, f"{where}.name")
        if kind == "frame" and not _is_plain_text(frame.columns):
            facts["labels"] = self._packed(frame.columns, f"{where}.columns")
        return facts

    def _read_columns(self, facts: Facts, names: Sequence[str]) -> Any:
        pd = _pandas()

        return self._unpacked(facts["labels"]) if "labels" in facts else pd.Index(names, dtype="str")

    def _index(self, index: Any, where: str) -> tuple[list[Any], Facts]:
        pd = _pandas()

        names = self._packed(list(index.names), f"{where}.names")
        if type(index) is pd.RangeIndex:
            return [], {"range": [index.start, index.stop, index.step], "names": names}
        if type(index) is pd.MultiIndex:
            levels = [index.get_level_values(at) for at in range(index.nlevels)]
        else:
            levels = [index]
        written = [self._column(pd.Series(each), f"{where}[{at}]") for at, each in enumerate(levels)]
        facts: Facts = {
            "levels": [each for _, each in written],
            "names": names,
            "multi": len(levels) != 1 or levels[0] is not index,
        }
        if getattr(index, "freq", None) is not None and not isinstance(index, pd.PeriodIndex):
            facts["freq"] = _freq_text(index.freq, where)
        return [array for array, _ in written], facts

    def _read_index(self, columns: Sequence[Any], facts: Facts) -> Any:
        pd = _pandas()

        names = self._unpacked(facts["names"])
        if "range" in facts:
            return pd.RangeIndex(*facts["range"], name=names[0])
        levels = [self._series(each, kind) for each, kind in zip(columns, facts["levels"], strict=True)]
        if facts["multi"]:
            return pd.MultiIndex.from_arrays([pd.Index(each) for each in levels], names=names)
        index = pd.Index(levels[0], name=names[0], dtype=levels[0].dtype)
        if "freq" in facts:
            index = cast(Any, type(index))(index, freq=facts["freq"])
        return index

    def _column(self, series: Any, where: str) -> tuple[Any, Facts]:
        """The Arrow array of a column, and its dtype; raises BadValue if it would not come back in that."""
        pd = _pandas()

        arrow, dtype = _arrow(), series.dtype
        try:
            if isinstance(dtype, pd.CategoricalDtype):
                facts: Facts = {"dtype": "category", "ordered": dtype.ordered}
                facts["categories"] = self._packed(dtype.categories, f"{where}.cat.categories")
                return _codes(series), facts
            if series.array.dtype.name == OBJECT:
                return self._objects(series, where)
            facts = _dtype_facts(dtype, where)
            array = arrow.array(series.array.to_numpy() if "numpy" in facts else _storage(series), from_pandas=False)
            array = array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array
            read = self._series(arrow.chunked_array([array.slice(0, 0)]), facts).dtype
        except (arrow.ArrowException, TypeError, ValueError, NotImplementedError, AttributeError) as error:
            raise BadValue(where, f"a column of dtype {dtype} has no Arrow type ({error}); {CONVERT}") from None
        if read != dtype or type(read) is not type(dtype):
            raise BadValue(where, f"a column of dtype {dtype} would come back as {read}; {CONVERT}")
        return array, facts

    def _series(self, column: Any, facts: Facts) -> Any:
        import numpy

        pd = _pandas()

        name = facts["dtype"]
        if name == "category":
            codes = column.combine_chunks().indices.fill_null(-1) if _has_words(column.type) else column
            dtype = pd.CategoricalDtype(self._unpacked(facts["categories"]), ordered=facts["ordered"])
            return pd.Series(pd.Categorical.from_codes(codes.to_numpy(), dtype=dtype))
        if name == "text":
            return pd.Series(numpy.array(column.to_pylist(), dtype=object), dtype=object)
        if name == "cells":
            cells = numpy.empty(len(column), dtype=object)
            for at, cell in enumerate(column.to_pylist()):
                cells[at] = self._read_cell(cell)
            return pd.Series(cells, dtype=object)
        if facts.get("numpy"):
            values = column.to_numpy()
            if values.dtype.str != name:
                values = values.astype(name)
            return pd.Series(values if values.flags.writeable else values.copy())
        if "zone" in facts:
            utc = pd.DatetimeIndex(column.cast(_arrow().timestamp(facts["unit"])).to_numpy()).tz_localize("UTC")
            return pd.Series(utc.tz_convert(times.zone(facts["zone"]) if facts["zone"] != "utc" else "UTC"))
        return pd.Series(_dtype(facts, column).__from_arrow__(column))

    def _objects(self, series: Any, where: str) -> tuple[Any, Facts]:
        arrow, cells = _arrow(), series.tolist() if hasattr(series, "tolist") else list(series)
        if set(map(type, cells)) <= {str, type(None)}:
            try:
                return arrow.array(cells, type=arrow.string()), {"dtype": "text"}
            except UnicodeEncodeError:
                pass  # the cell says which it is
        written = [self._cell(each, f"{where}[{at}]") for at, each in enumerate(cells)]
        return arrow.array(written, type=arrow.binary()), {"dtype": "cells"}

    def _cell(self, value: object, where: str) -> bytes:
        encoded = self._encode(value, Any, where)
        if encoded.codec == "json":
            return CELL_JSON + encoded.data
        return CELL_OTHER + encoded.codec.encode() + NAME_END + encoded.data

    def _read_cell(self, data: bytes) -> object:
        if data[:1] == CELL_JSON:
            return self._decode("json", memoryview(data)[1:], Any)
        codec, _, body = data[1:].partition(NAME_END)
        return self._decode(codec.decode(), memoryview(bytearray(body)), Any)

    def _packed(self, value: object, where: str) -> str:
        """A small value as text."""
        return base64.b64encode(self._cell(value, where)).decode()

    def _unpacked(self, text: str) -> Any:
        return self._read_cell(base64.b64decode(text))


def _kind(value: Any, where: str) -> str:
    """What it is, by its very class."""
    pd = _pandas()

    kinds = {pd.DataFrame: "frame", pd.Series: "series"}
    scalars = (pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)
    if (kind := kinds.get(type(value))) is not None:
        return kind
    if isinstance(value, pd.Index) and type(value).__module__.partition(".")[0] == "pandas":
        return "index"
    if type(value) in scalars:
        return "scalar"
    if value is pd.NaT or value is pd.NA:
        raise BadValue(where, f"{value} alone has no type of its own; return None")
    classes = (pd.DataFrame, pd.Series, pd.Index, *scalars)
    base = next(each.__name__ for each in classes if isinstance(value, each))
    raise BadValue(
        where,
        f"a {type_name(type(cast(object, value)))} would come back as a plain {base}; return pandas.{base}(...) of it",
    )


def _codes(series: Any) -> Any:
    """Categories by number; also in words where they are texts or numbers, for whoever else reads the table."""
    arrow, categories = _arrow(), series.cat.categories
    codes = series.cat.codes.to_numpy()
    if not (_is_plain_text(categories) or getattr(categories.dtype, "kind", "") in "iuf"):
        return arrow.array(codes)
    return arrow.DictionaryArray.from_arrays(arrow.array(codes, mask=codes < 0), arrow.array(categories))


def _has_words(kind: Any) -> bool:
    return _arrow().types.is_dictionary(kind)


def _is_plain_text(labels: Any) -> bool:
    pd = _pandas()

    return (
        type(labels) is pd.Index
        and labels.dtype == pd.Index(["a"]).dtype
        and labels.name is None
        and not labels.hasnans
    )


def _dtype_facts(dtype: Any, where: str) -> Facts:
    """What the dtype is read back by."""
    import numpy

    pd = _pandas()

    if isinstance(dtype, numpy.dtype):
        if dtype.kind not in "biufMm":
            raise TypeError("only bool, int, float, datetime and timedelta have one")
        return {"dtype": dtype.str, "numpy": True}
    if isinstance(dtype, pd.DatetimeTZDtype):
        is_utc = str(dtype.tz) in ("UTC", "UTC+00:00") and dtype == pd.DatetimeTZDtype(dtype.unit, "UTC")
        text = "utc" if is_utc else times.zone_text(dtype.tz)
        if text is None:
            raise BadValue(where, f"its time zone {dtype.tz!r} cannot be carried; {times.REMEDY}")
        return {"dtype": str(dtype), "unit": dtype.unit, "zone": text}
    if isinstance(dtype, pd.ArrowDtype):
        return {"dtype": "arrow"}
    if isinstance(dtype, pd.StringDtype):
        return {"dtype": "string", "storage": dtype.storage, "nan": dtype.na_value is not pd.NA}
    return {"dtype": str(dtype)}


def _dtype(facts: Facts, column: Any) -> Any:
    import numpy

    pd = _pandas()

    if facts["dtype"] == "arrow":
        return pd.ArrowDtype(column.type)
    if facts["dtype"] == "string":
        return pd.StringDtype(facts["storage"], na_value=numpy.nan if facts["nan"] else pd.NA)
    return pd.api.types.pandas_dtype(facts["dtype"])


def _storage(series: Any) -> Any:
    pd = _pandas()

    dtype = series.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return series.array


def _freq_text(freq: Any, where: str) -> str:
    try:
        known = _pandas().tseries.frequencies.to_offset(freq.freqstr) == freq
    except ValueError:
        known = False
    if not known:
        raise BadValue(where, f"its freq {freq!r} has no name that reads back; set it to None")
    return freq.freqstr


def _pandas() -> Any:
    """The library: its type hints do not cover what is used here."""
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]

    return cast(Any, pd)


def _arrow() -> Any:
    """The library: it has no type hints of its own."""
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

    return cast(Any, pa)
