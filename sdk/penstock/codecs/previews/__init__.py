"""What a person is shown of an encoded value: its shape and its beginning, from the bytes alone.

Nothing is unpickled, no class of a user is imported, and only a bounded part of the bytes is looked at. Each preview
is a JSON object whose `kind` says what else is in it; docs/data.md lists them.
"""

from ..compound_format import NAME as BUNDLE
from . import arrays, containers, networks, plain, tables
from .looks import HEAD_BYTES_MAX, Head, Preview, preview, register

for _codec, _look in {
    "json": plain.json_value,
    "bytes": plain.raw,
    "file": plain.file,
    "numpy": arrays.numpy_array,
    "numpy.scalar": arrays.numpy_scalar,
    "torch": arrays.tensors,
    "arrow": tables.arrow,
    "polars": tables.polars,
    "folder": plain.folder,
    "onnx": networks.onnx,
    BUNDLE: containers.bundle,
}.items():
    register(_codec, _look)

__all__ = ["HEAD_BYTES_MAX", "Head", "Preview", "preview", "register"]
