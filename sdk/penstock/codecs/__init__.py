"""How values become bytes and values again, by their type and annotation. Nothing is ever pickled."""

from .arrow import ArrowCodec
from .encoded import INLINE_TOTAL_BYTES_MAX, RESULT_BYTES_MAX, Encoded
from .encoder import decode, encode, register
from .errors import BadValue, CodecError, NoCodec, ResultTooLarge, Undecodable, WrongType
from .files import FileCodec
from .numpy_array import NumpyCodec
from .onnx_model import OnnxCodec
from .raw_bytes import BytesCodec
from .registry import Codec, refuse
from .torch_tensors import TorchCodec
from .values import Store, from_value, to_value, to_values

for _codec in (BytesCodec(), NumpyCodec(), ArrowCodec(), TorchCodec(), OnnxCodec(), FileCodec()):
    register(_codec)
refuse(["numpy.MaskedArray"], "the npy format cannot store a mask; return the data and the mask as two arrays")
refuse(["torch.Module"], "return its state_dict(), and rebuild the module where it is used")
refuse(["sklearn.BaseEstimator"], "return its learned arrays, or convert it to ONNX")
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
    "register",
    "to_value",
    "to_values",
]
