"""How values become bytes and values again, by their type and annotation. Nothing is ever pickled."""

from .arrow import ArrowCodec
from .coverage import uncarried
from .encoded import INLINE_TOTAL_BYTES_MAX, RESULT_BYTES_MAX, Encoded
from .encoder import decode, decode_part, encode, encode_part, register
from .errors import BadValue, CodecError, NoCodec, ResultTooLarge, Undecodable, WrongType
from .files import FileCodec
from .folders import FolderCodec
from .numpy_array import NumpyCodec, NumpyScalarCodec
from .onnx_model import OnnxCodec
from .polars_frames import PolarsCodec
from .raw_bytes import BytesCodec
from .registry import Codec, refuse
from .scalars import plain_class
from .sklearn_models import SklearnCodec
from .torch_tensors import TorchCodec
from .values import Store, from_value, to_value, to_values, write_value

for _codec in (
    BytesCodec(),
    NumpyCodec(),
    NumpyScalarCodec(),
    ArrowCodec(encode_part, decode_part),
    PolarsCodec(),
    TorchCodec(),
    OnnxCodec(),
    SklearnCodec(),
    FileCodec(),
    FolderCodec(),
):
    register(_codec)
refuse(
    ["builtins.generator", "builtins.async_generator", "builtins.coroutine"],
    "what is computed while it is read cannot be stored; return a list",
)
refuse(["builtins.bytearray", "builtins.memoryview"], "return bytes(...) of it")
refuse(["numpy.MaskedArray"], "the npy format cannot store a mask; return the data and the mask as two arrays")
refuse(["torch.Module"], "return its state_dict(), and rebuild the module where it is used")
refuse(["polars.LazyFrame"], "collect() it, and return the DataFrame")
refuse(["scipy._data_matrix", "scipy.spmatrix", "scipy.sparray"], "return its data, indices and indptr as arrays")

__all__ = [
    "INLINE_TOTAL_BYTES_MAX",
    "RESULT_BYTES_MAX",
    "BadValue",
    "Codec",
    "CodecError",
    "Encoded",
    "NoCodec",
    "ResultTooLarge",
    "Store",
    "Undecodable",
    "WrongType",
    "decode",
    "encode",
    "from_value",
    "plain_class",
    "register",
    "to_value",
    "to_values",
    "uncarried",
    "write_value",
]
