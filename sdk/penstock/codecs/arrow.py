"""Arrow tables, batches and arrays, and what pandas has by way of Arrow, as IPC streams."""

from collections.abc import Sequence
from typing import Any, cast

from .encoded import Buffer
from .errors import BadValue
from .frames import FACTS, Decode, Encode, Frames

KIND = b"penstock"  # key of the schema's metadata that says what was written


class ArrowCodec:
    """Read back, tables are views of the data; what is of pandas keeps its index, labels and dtypes."""

    name = "arrow"
    types = (
        "pyarrow.Table",
        "pyarrow.RecordBatch",
        "pyarrow.Array",
        "pyarrow.ChunkedArray",
        "pandas.DataFrame",
        "pandas.Series",
        "pandas.Index",
        "pandas.Timestamp",
        "pandas.Timedelta",
        "pandas.Period",
        "pandas.Interval",
    )

    def __init__(self, encode: Encode, decode: Decode) -> None:
        """The codecs for cells and labels, which may be anything."""
        self._frames = Frames(encode, decode)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue if a column has no Arrow type."""
        arrow = _arrow()
        try:
            table, kind = _table(arrow, cast(Any, value))
            facts = b""
            if table is None:
                table, facts = self._frames.table(value, where)
        except (arrow.ArrowException, TypeError) as error:
            raise BadValue(where, f"{error}; give the column one type that Arrow knows") from None
        metadata: dict[bytes, bytes] = {**(table.schema.metadata or {}), KIND: kind}
        if facts:
            metadata[FACTS] = facts
        table = table.replace_schema_metadata(metadata)
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, table.schema) as writer:
            if table.num_rows:
                writer.write_table(table)
            else:  # one batch, for the sake of its dictionaries
                writer.write_batch(_one_batch(table))
        return (memoryview(sink.getvalue()),)

    def decode(self, data: memoryview, annotation: object) -> object:
        """Whatever was written, in its own class."""
        arrow = _arrow()
        with arrow.ipc.open_stream(arrow.py_buffer(data)) as reader:
            table = reader.read_all()
        table.validate(full=True)  # the bytes come from outside, and Arrow trusts what it reads
        metadata = dict(table.schema.metadata or {})
        kind, facts = metadata.pop(KIND, b"table"), metadata.pop(FACTS, b"")
        if facts:
            return self._frames.value(table, facts)
        return _value(table.replace_schema_metadata(metadata or None), kind)


def _table(arrow: Any, value: Any) -> tuple[Any, bytes]:
    if isinstance(value, arrow.Table):
        return value, b"table"
    if isinstance(value, arrow.RecordBatch):
        return arrow.Table.from_batches([value]), b"batch"
    if isinstance(value, arrow.ChunkedArray):
        return arrow.table({"": value}), b"chunked"
    if isinstance(value, arrow.Array):
        return arrow.table({"": value}), b"array"
    return None, b"pandas"


def _value(table: Any, kind: bytes) -> object:
    if kind == b"batch":
        return _one_batch(table)
    if kind == b"chunked":
        return table.column(0)
    if kind == b"array":
        return _one_batch(table).column(0)
    return table


def _one_batch(table: Any) -> Any:
    columns = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.itercolumns()]
    return _arrow().RecordBatch.from_arrays(columns, schema=table.schema)


def _arrow() -> Any:
    """The library: it has no type hints of its own."""
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

    return cast(Any, pa)
