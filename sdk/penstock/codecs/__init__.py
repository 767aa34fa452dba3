"""How values become bytes and values again, by their type and annotation. Nothing is ever pickled."""

from .encoded import INLINE_BYTES_MAX, INLINE_TOTAL_BYTES_MAX, RESULT_BYTES_MAX, Encoded
from .encoding import decode, encode
from .errors import BadValue, CodecError, NoCodec, ResultTooLarge, Undecodable, WrongType
from .numpy_array import NumpyCodec
from .raw_bytes import BytesCodec
from .registry import Codec, refuse, register
from .values import Store, from_value, to_value, to_values

for _codec in (BytesCodec(), NumpyCodec()):
    register(_codec)
refuse(["numpy.MaskedArray"], "its mask has no place in the npy format; return the data and the mask as two arrays")

__all__ = [
    "INLINE_BYTES_MAX",
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
