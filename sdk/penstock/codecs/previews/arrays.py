"""Arrays of numpy, tensors of torch: what they are, from their headers."""

import io
import json
import math
from contextlib import suppress
from typing import Any, cast

from ..numpy_array import HEADER_BYTES_MAX
from ..torch_tensors import KEY, SIZE_BYTES, TENSOR
from .looks import Head, NotLooked, shortened

VALUES_MAX = 8
# Of fewer values there is nothing to sum up.
SUMMED_UP_MIN = 64
SUMMED_UP_BYTES_MAX = 16 << 20
BINS = 32
GRID_MAX = 48  # cells on a side
TENSORS_MAX = 50
TORCH_HEADER_BYTES_MAX = 8 << 20


def numpy_array(head: Head) -> dict[str, Any]:
    """Type, shape, and the first values."""
    import numpy
    from numpy.lib import format as npy

    file = io.BytesIO(head.data[:HEADER_BYTES_MAX])
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read(file, max_header_size=HEADER_BYTES_MAX)
    shown: dict[str, Any] = {"kind": "array", "dtype": str(dtype), "shape": list(shape), "first": []}
    if dtype.hasobject:
        raise NotLooked(f"an array of {dtype} holds Python objects, which cannot be shown")
    count = min(VALUES_MAX, math.prod(shape)) if dtype.itemsize else 0
    data = head.data[file.tell() : file.tell() + count * dtype.itemsize]
    shown["first"] = [shortened(each) for each in numpy.frombuffer(bytes(data), dtype).tolist()]
    size_bytes = math.prod(shape) * dtype.itemsize
    is_at_hand = file.tell() + size_bytes <= len(head.data) and size_bytes <= SUMMED_UP_BYTES_MAX
    if dtype.kind in "iufb" and math.prod(shape) >= SUMMED_UP_MIN and is_at_hand:
        values = numpy.frombuffer(head.data, dtype, math.prod(shape), file.tell())
        shown |= _summed_up(values.reshape(shape, order="F" if is_fortran else "C"))
    return shown


def _summed_up(values: Any) -> dict[str, Any]:
    """Extremes, mean, a histogram, and of a matrix its cells, each the mean of a block; of more axes, the first one."""
    import numpy

    floats = values.astype(numpy.float64)
    finite = floats[numpy.isfinite(floats)]
    if not finite.size:
        return {}
    with numpy.errstate(all="ignore"):
        found: dict[str, Any] = {
            "min": float(finite.min()),
            "max": float(finite.max()),
            "mean": shortened(float(finite.mean())),
            "not_finite": int(floats.size - finite.size),
        }
        with suppress(ValueError):  # the range of the numbers is too wide, or too narrow, to be cut in parts
            counts, edges = numpy.histogram(finite, BINS)
            found["histogram"] = {"from": float(edges[0]), "to": float(edges[-1]), "counts": counts.tolist()}
        while floats.ndim > 2:
            floats = floats[0]
        if floats.ndim == 2 and min(floats.shape) > 1:
            found["grid"] = [[shortened(each) for each in row] for row in _blocks(floats).tolist()]
    return found


def _blocks(matrix: Any) -> Any:
    import numpy

    library = cast(Any, numpy)
    rows, columns = (library.linspace(0, size, min(size, GRID_MAX) + 1).astype(int) for size in matrix.shape)
    sums = library.add.reduceat(library.add.reduceat(matrix, rows[:-1], 0), columns[:-1], 1)
    return sums / (library.diff(rows)[:, None] * library.diff(columns))


def numpy_scalar(head: Head) -> dict[str, Any]:
    """The only value, as JSON."""
    return {"kind": "json", "value": numpy_array(head)["first"][0]}


def tensors(head: Head) -> dict[str, Any]:
    """Name, type and shape of each tensor, in the order of the state_dict, and how many numbers they have together."""
    size = int.from_bytes(head.data[:SIZE_BYTES], "little")
    if size > TORCH_HEADER_BYTES_MAX or SIZE_BYTES + size > len(head.data):
        raise NotLooked(f"its header would take {size} bytes")
    header = json.loads(bytes(head.data[SIZE_BYTES : SIZE_BYTES + size]))
    facts = json.loads(header.pop("__metadata__", {}).get(KEY, "{}"))
    names = [name for name in facts.get("names", header) if name in header]
    listed = [
        {"name": name, "dtype": header[name]["dtype"], "shape": header[name]["shape"]} for name in names[:TENSORS_MAX]
    ]
    return {
        "kind": "tensor" if facts.get("kind") == TENSOR else "tensors",
        "count": len(names),
        "parameters": sum(math.prod(each["shape"]) for each in header.values()),
        "tensors": listed,
    }
