"""The fast path: plain scalars as JSON, without looking at anything but their type."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from penstock_proto.wire import NOT_FINITE, word_of

FLOATS = "list[float]"  # the type of a list where nothing is annotated: all items are floats, also with NaN
DIGITS_MAX = 4300  # Python converts no longer text to an int at once; Decimal does
# As text, and as older values have them.
_CONSTANTS = {form % word.encode(): float(word) for word in NOT_FINITE for form in (b'"%s"', b"%s")}


def int_text(value: int) -> bytes:
    """Decimal digits of an integer of any size."""
    try:
        return b"%d" % value
    except ValueError:  # longer than DIGITS_MAX
        return str(Decimal(value)).encode()


def float_text(value: float) -> bytes:
    """Shortest text that reads back as the same float; NaN and the infinities as JSON strings."""
    if is_finite(value):
        return repr(value).encode()
    return b'"%s"' % word_of(value).encode()


def is_finite(value: float) -> bool:
    return value - value == 0.0


def plain_class(codec: str, type_name: str) -> Any:
    """What a value without an annotation is read as, so that the words of a float are one."""
    if codec != "json":
        return Any
    return float if type_name == "float" else list[float] if type_name == FLOATS else Any


def read_int(data: bytes) -> int:
    """Raises msgspec.DecodeError or ValueError unless it is an integer."""
    try:
        return _read_int(data)
    except msgspec.ValidationError:
        digits = data.lstrip(b"-")
        if not digits.isdigit() or len(data) - len(digits) > 1:
            raise
        return int(Decimal(data.decode()))


def read_float(data: bytes) -> float:
    """Raises msgspec.DecodeError unless it is a number or one of the three words."""
    try:
        return _read_float(data)
    except msgspec.DecodeError:
        if (value := _CONSTANTS.get(data)) is None:
            raise
        return value


_read_int = msgspec.json.Decoder(int).decode
_read_float = msgspec.json.Decoder(float).decode

WRITERS: dict[type, Callable[[Any], bytes]] = {
    int: int_text,
    float: float_text,
    bool: lambda value: b"true" if value else b"false",
    str: msgspec.json.Encoder().encode,
    type(None): lambda value: b"null",
}
READERS: dict[object, Callable[[bytes], object]] = {
    int: read_int,
    float: read_float,
    bool: msgspec.json.Decoder(bool).decode,
    str: msgspec.json.Decoder(str).decode,
    None: msgspec.json.Decoder(type(None)).decode,
    type(None): msgspec.json.Decoder(type(None)).decode,
}
