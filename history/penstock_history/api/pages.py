"""Tokens of pages: where the page before ended, and which question it answered."""

import base64
import binascii
import hashlib
import struct
from typing import Final

from google.protobuf.message import Message

from ..errors import BadRequest

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1_000
DIGEST_BYTES: Final = 8
_PLACE: Final = struct.Struct(">q16s8s")
_HOW: Final = "omit page_token to start from the first page"


def size_of(wanted: int) -> int:
    """Return the size of a page; raise BadRequest."""
    if not 0 <= wanted <= PAGE_SIZE_MAX:
        raise BadRequest(
            f"invalid page_size {wanted}: expected 1 to {PAGE_SIZE_MAX}, or 0 for the default of {PAGE_SIZE_DEFAULT}"
        )
    return wanted or PAGE_SIZE_DEFAULT


def digest_of(question: Message) -> bytes:
    """Return what tells one question from another."""
    return hashlib.sha256(question.SerializeToString(deterministic=True)).digest()[:DIGEST_BYTES]


def token(number: int, run_id: bytes, digest: bytes) -> str:
    """Return the token of the page after this place."""
    return base64.urlsafe_b64encode(_PLACE.pack(number, run_id, digest)).decode()


def place(text: str, digest: bytes) -> tuple[int, bytes]:
    """Read a token; raise BadRequest if it is none, or of another question."""
    try:
        number, run_id, asked = _PLACE.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, struct.error, ValueError):
        raise BadRequest(f"invalid page_token; {_HOW}") from None
    if asked != digest:
        raise BadRequest(f"this page_token belongs to another question; {_HOW}")
    if not 0 <= number < 2**53:
        raise BadRequest(f"invalid page_token; {_HOW}")
    return number, run_id
