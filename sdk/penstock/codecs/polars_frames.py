"""polars frames and series in Arrow's IPC format, as polars itself writes it."""

import io
from collections.abc import Sequence
from typing import Any, cast

from .encoded import Buffer
from .errors import BadValue

SERIES = b"s"  # first byte: what it was
FRAME = b"f"


class PolarsCodec:
    """Every dtype but Object comes back, also categories, enums, structs and zones."""

    name = "polars"
    types = ("polars.DataFrame", "polars.Series")

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """Raises BadValue for a column of Python objects, and for a class below polars' own."""
        import polars

        if type(value) not in (polars.DataFrame, polars.Series):
            raise BadValue(where, f"a {type(value).__qualname__} would come back as what polars has; return that")
        frame = cast(Any, value)
        frame = frame.to_frame() if type(value) is polars.Series else frame
        for name, dtype in frame.schema.items():
            if dtype == polars.Object:
                raise BadValue(f"{where}[{name!r}]", "a column of Python objects; give it a dtype, or return a list")
        if (read := _read(_written(frame.clear())).schema) != frame.schema:
            raise BadValue(where, f"its columns would come back as {read}; cast them")
        return (FRAME if frame is value else SERIES, memoryview(_written(frame)))

    def decode(self, data: memoryview, annotation: object) -> object:
        """The frame, or its only column."""
        frame = _read(data[1:])
        return frame.to_series() if bytes(data[:1]) == SERIES else frame


def _written(frame: Any) -> bytes:
    out = io.BytesIO()
    frame.write_ipc_stream(out)
    return out.getvalue()


def _read(data: bytes | memoryview) -> Any:
    import polars

    return cast(Any, polars).read_ipc_stream(io.BytesIO(data))
