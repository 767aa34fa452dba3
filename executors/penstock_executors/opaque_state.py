"""The state of objects that have no `__dict__` to compare: arrays, generators of random numbers, iterators."""

import random
import sys
import zlib
from types import GeneratorType
from typing import Any, Final

# Larger arrays are compared by a checksum, and cannot be put back.
ARRAY_COPY_BYTES_MAX: Final = 1 << 20
# What is larger still is not read.
LARGE_BYTES: Final = 256 << 20
TOKENS_MAX: Final = 20_000
DEPTH_MAX: Final = 60
_ATOMS: Final = (type(None), bool, int, float, complex, str, bytes, type, type(Ellipsis), type(NotImplemented), range)


def is_atom(value: Any) -> bool:
    """Whether a value never changes."""
    return isinstance(value, _ATOMS)


def is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, "ndarray", ()))


def is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def checksum(array: Any) -> tuple[Any, ...]:
    """Shape, type and contents of an array."""
    if _is_large(array):
        return array.shape, str(array.dtype), array.__array_interface__["data"]
    data = array if array.flags.c_contiguous else array.copy()
    return array.shape, str(array.dtype), zlib.crc32(data.view("uint8").reshape(-1)) if array.nbytes else 0


def tensor_state(tensor: Any) -> tuple[Any, ...]:
    """The same of a tensor; of one on a GPU, or of a very large one, what PyTorch counts of its changes."""
    known = (tensor.shape, tensor.dtype, tensor.requires_grad)
    if tensor.device.type != "cpu" or tensor.layout != sys.modules["torch"].strided or _is_large(tensor):
        return *known, tensor._version, tensor.data_ptr()
    flat = tensor.detach().contiguous().flatten()
    return *known, zlib.crc32(flat.view(sys.modules["torch"].uint8).numpy()) if flat.numel() else 0


def _is_large(value: Any) -> bool:
    return value.nbytes > LARGE_BYTES


def fingerprint(value: Any) -> Any:
    """What an object consists of, as plain values that can be compared; None if nothing is known of it."""
    try:
        return _Tokens().of(value, 0)
    except Exception:  # an object of somebody, which does not want to be looked at
        return None


class _Tokens:
    def __init__(self) -> None:
        self._left = TOKENS_MAX
        self._seen: dict[int, Any] = {}

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > DEPTH_MAX:
            raise OverflowError
        if is_atom(value):
            return (type(value), repr(value)) if isinstance(value, float | complex) else (type(value), value)
        if id(value) in self._seen:
            return "again", type(value)
        self._seen[id(value)] = value
        if is_array(value) and not value.dtype.hasobject:
            return checksum(value)
        if is_tensor(value):
            return tensor_state(value)
        if isinstance(value, GeneratorType):
            return GeneratorType, value.gi_frame and value.gi_frame.f_lasti
        if isinstance(value, dict):
            return dict, tuple((self.of(key, depth + 1), self.of(each, depth + 1)) for key, each in value.items())  # pyright: ignore
        if isinstance(value, list | tuple | set | frozenset):
            return type(value), tuple(self.of(each, depth + 1) for each in value)  # pyright: ignore
        if callable(value) and hasattr(value, "__qualname__"):
            return "function", id(value)
        return self._reduced(value, depth)

    def _reduced(self, value: Any, depth: int) -> Any:
        try:
            reduced = value.__reduce_ex__(4)
        except TypeError:  # it cannot be copied, and so it cannot be compared
            return "unknown", type(value)
        if isinstance(reduced, str):
            return reduced
        parts = [self.of(part, depth + 1) for part in reduced[:3]]
        parts += [tuple(self.of(each, depth + 1) for each in part) for part in reduced[3:5] if part is not None]
        return type(value), tuple(parts)


def random_state(value: Any) -> tuple[Any, Any] | None:
    """The state of a generator of random numbers, and the function that puts it back; None for anything else."""
    if isinstance(value, random.Random):
        return (value.getstate(), value.setstate) if type(value) is not random.SystemRandom else None
    of: Any = value
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        bits = of.bit_generator if isinstance(of, numpy.Generator) else of
        if isinstance(bits, numpy.RandomState):
            return bits.get_state(legacy=False), bits.set_state
        if isinstance(bits, numpy.BitGenerator):
            return bits.state, lambda state: setattr(bits, "state", state)  # pyright: ignore
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(of, torch.Generator):
        return of.get_state(), of.set_state
    return None
