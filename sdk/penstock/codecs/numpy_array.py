"""numpy arrays in numpy's own npy format, without its pickles."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from .encoded import Buffer, type_name
from .errors import BadValue, Undecodable

if TYPE_CHECKING:
    import numpy

HEADER_BYTES_MAX = 64 * 1024


class NumpyCodec:
    """Arrays of any shape whose elements are not Python objects. Read back, they may be written to."""

    name = "numpy"
    types = ("numpy.ndarray",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """The array itself is not copied if it is contiguous."""
        import numpy
        from numpy.lib import format as npy

        if type(value) not in (numpy.ndarray, numpy.memmap) and not isinstance(value, numpy.generic):
            raise BadValue(
                where, f"a {type_name(type(value))} would come back as a plain array; return numpy.asarray(...) of it"
            )
        array = numpy.asarray(cast("numpy.ndarray[Any, Any]", value))
        if array.dtype.hasobject:
            raise BadValue(where, f"an array of dtype {array.dtype} holds Python objects; convert it with astype(...)")
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        array = array if fortran else numpy.ascontiguousarray(array).reshape(array.shape)
        header = io.BytesIO()
        try:
            npy.write_array_header_2_0(header, npy.header_data_from_array_1_0(array))
        except UnicodeEncodeError:
            raise BadValue(where, "names of fields in an array may be Latin letters only") from None
        if header.tell() > HEADER_BYTES_MAX:
            raise BadValue(where, "its dtype has too many fields; return a table")
        if not array.nbytes:
            return (header.getvalue(),)
        raw = (array.T if fortran else array).reshape(-1).view(numpy.uint8)
        return (header.getvalue(), memoryview(cast(Any, raw)))

    def decode(self, data: memoryview, annotation: object) -> object:
        """A view of the data where that may be written to, else a copy."""
        import numpy
        from numpy.lib import format as npy

        file = io.BytesIO(data[:HEADER_BYTES_MAX])
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file, max_header_size=HEADER_BYTES_MAX)
            if dtype.hasobject:
                raise ValueError("it holds Python objects")
            raw = data[file.tell() :]
            if 0 in (*shape, dtype.itemsize):
                return numpy.zeros(shape, dtype)
            array = numpy.frombuffer(bytearray(raw) if raw.readonly else raw, dtype, count=_count(shape))
        except ValueError as error:
            raise Undecodable(self.name, str(error)) from None
        return array.reshape(shape, order="F" if fortran else "C")


class NumpyScalarCodec:
    """One value of a class of numpy, where nothing says that it is to become a number or text of Python."""

    name = "numpy.scalar"
    types = ("numpy.generic",)

    def encode(self, value: object, where: str) -> Sequence[Buffer]:
        """An array without dimensions."""
        return NumpyCodec().encode(value, where)

    def decode(self, data: memoryview, annotation: object) -> object:
        """The value in its class."""
        return cast(Any, NumpyCodec().decode(data, annotation))[()]


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for each in shape:
        count *= each
    return count
