"""Tables of Arrow and frames of pandas: columns with their types, how many rows, and the first of them."""

from typing import Any, cast

from ..frames import CELL_JSON
from .looks import Head, NotLooked, shortened

ROWS_MAX = 5
# A window of rows is read from tables up to this size.
TABLE_BYTES_MAX = 256 << 20
COLUMNS_MAX = 50
CELLS_BYTES_MAX = 1 << 20  # of one column of the rows that are shown


def arrow(head: Head) -> dict[str, Any]:
    """Batches are not read, but passed over, so that a mapped file stays where it is."""
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

    library = cast(Any, pa)
    with library.ipc.open_stream(library.py_buffer(head.data)) as reader:
        fields = [{"name": field.name, "type": str(field.type)} for field in reader.schema]
        batch, rows = _walk(library, reader)
    columns = [_first(column) for column in batch.columns[:COLUMNS_MAX]] if batch is not None else []
    return {
        "kind": "table",
        "rows": rows,
        "count": len(fields),
        "columns": fields[:COLUMNS_MAX],
        "first": [list(row) for row in zip(*columns, strict=True)],
    }


def polars(head: Head) -> dict[str, Any]:
    """The same after a byte that says whether it is a series."""
    return arrow(Head(head.data[1:], head.size_bytes - 1))


def _walk(library: Any, reader: Any) -> tuple[Any, int | None]:
    """The first batch that has rows, and the number of rows; None if the end is not at hand."""
    first, rows = None, 0
    try:
        for batch in reader:
            first = batch if first is None and batch.num_rows else first
            rows += batch.num_rows
    except (library.ArrowInvalid, OSError):
        return first, None
    return first, rows


def window(
    codec: str, head: Head, first: int, count: int, *, sort: str = "", descending: bool = False
) -> dict[str, Any]:
    """Return rows of a table from the first one on, sorted by a column if one is named; raise NotLooked."""
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
    import pyarrow.compute as compute  # pyright: ignore[reportMissingTypeStubs]

    library = cast(Any, pa)
    if codec not in ("arrow", "polars"):
        raise NotLooked(f"a value of codec {codec!r} has no rows")
    if not head.is_whole or head.size_bytes > TABLE_BYTES_MAX:
        raise NotLooked("the table is too large to be read here; download it")
    try:
        with library.ipc.open_stream(library.py_buffer(head.data[codec == "polars" :])) as reader:
            table = reader.read_all()
        if sort:
            table = _sortable(library, table)
            order = cast(Any, compute).sort_indices(table, [(sort, "descending" if descending else "ascending")])
            rows = table.take(order.slice(first, count))
        else:
            rows = table.slice(first, count)
        columns = [_first(column, count) for column in rows.columns[:COLUMNS_MAX]]
    except (library.ArrowException, OSError) as error:
        raise NotLooked(f"its rows cannot be read: {error}"[:500]) from None
    fields = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    return {
        "rows": table.num_rows,
        "count": len(fields),
        "columns": fields[:COLUMNS_MAX],
        "first": [list(row) for row in zip(*columns, strict=True)],
    }


def _sortable(library: Any, table: Any) -> Any:
    """A table without views of text, as polars writes it: Arrow does not sort these."""
    plain = {"string_view": library.large_string(), "binary_view": library.large_binary()}
    return table.cast(library.schema([(each.name, plain.get(str(each.type), each.type)) for each in table.schema]))


def _first(column: Any, count: int = ROWS_MAX) -> list[Any]:
    cells = column.slice(0, count)
    if cells.nbytes > CELLS_BYTES_MAX:
        return ["…"] * len(cells)
    cells.validate(full=True)  # the bytes come from others, and Arrow trusts what it reads
    return [shortened(_cell(each)) for each in cells.to_pylist()]


def _cell(value: Any) -> Any:
    """A cell of Python's own, where it is JSON; see `frames`."""
    return value[1:].decode(errors="replace") if isinstance(value, bytes) and value[:1] == CELL_JSON else value
