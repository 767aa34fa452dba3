"""Tokens of pages: where the page before ended."""

import base64
import binascii
import hashlib
import struct
from typing import Final

from penstock_proto.notifications.v1 import service_pb2 as api

from ..errors import BadRequest

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1_000
_PLACE: Final = struct.Struct(">q8s36s")


def size_of(request: api.ListDeliveriesRequest) -> int:
    """Return the size of a page; raise BadRequest."""
    if not 0 <= request.page_size <= PAGE_SIZE_MAX:
        raise BadRequest(f"invalid page_size {request.page_size}: expected 1 to {PAGE_SIZE_MAX}, or 0")
    return request.page_size or PAGE_SIZE_DEFAULT


def token(last: api.Delivery, request: api.ListDeliveriesRequest) -> str:
    """Return the token of the page after a delivery."""
    packed = _PLACE.pack(last.created_at_us, _digest(request), last.id.encode())
    return base64.urlsafe_b64encode(packed).decode()


def place(request: api.ListDeliveriesRequest) -> tuple[int, str] | None:
    """Return after which delivery the page begins; raise BadRequest."""
    if not request.page_token:
        return None
    try:
        at_us, digest, identity = _PLACE.unpack(base64.b64decode(request.page_token, altchars=b"-_", validate=True))
        found = at_us, identity.decode("ascii")
    except (binascii.Error, struct.error, ValueError):
        raise BadRequest("invalid page_token; omit it to start from the first page") from None
    if digest != _digest(request) or "\0" in found[1]:
        raise BadRequest("this page_token belongs to another question; omit it to start from the first page")
    return found


def _digest(request: api.ListDeliveriesRequest) -> bytes:
    question = api.ListDeliveriesRequest(states=request.states, channel=request.channel, run_id=request.run_id)
    return hashlib.sha256(question.SerializeToString(deterministic=True)).digest()[:8]
