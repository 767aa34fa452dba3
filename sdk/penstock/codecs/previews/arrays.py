"""Arrays of numpy, tensors of torch: what they are, from their headers."""

import io
import json
import math
from typing import Any

from ..numpy_array import HEADER_BYTES_MAX
from ..torch_tensors import KEY, SIZE_BYTES, TENSOR
from .looks import Head, NotLooked, shortened

VALUES_MAX = 8
TENSORS_MAX = 50
TORCH_HEADER_BYTES_MAX = 8 << 20


def numpy_array(head: Head) -> dict[str, Any]:
    """Type, shape, and the first values."""
    import numpy
    from numpy.lib import format as npy

    file = io.BytesIO(head.data[:HEADER_BYTES_MAX])
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=HEADER_BYTES_MAX)
    shown: dict[str, Any] = {"kind": "array", "dtype": str(dtype), "shape": list(shape), "first": []}
    if dtype.hasobject:
        raise NotLooked(f"an array of {dtype} holds Python objects, which cannot be shown")
    count = min(VALUES_MAX, math.prod(shape)) if dtype.itemsize else 0
    data = head.data[file.tell() : file.tell() + count * dtype.itemsize]
    shown["first"] = [shortened(each) for each in numpy.frombuffer(bytes(data), dtype).tolist()]
    return shown


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
