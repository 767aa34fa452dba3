"""The headers of Standard Webhooks (https://www.standardwebhooks.com), which receivers verify with a library."""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from ..errors import NotDelivered

PREFIX: Final = "whsec_"
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64


def key_of(secret: str, name: str) -> bytes:
    """Return the key that a secret stands for: base64, with or without "whsec_" before it; raise NotDelivered."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise NotDelivered(
            f"the secret {name} cannot sign: expected whsec_ and the base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} "
            "random bytes"
        )
    return key


def headers(identity: str, at_s: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """Return the headers of one attempt."""
    found = {"webhook-id": identity, "webhook-timestamp": str(at_s)}
    if key is not None:
        signed = hmac.new(key, f"{identity}.{at_s}.".encode() + body, hashlib.sha256).digest()
        found["webhook-signature"] = "v1," + base64.b64encode(signed).decode()
    return found
