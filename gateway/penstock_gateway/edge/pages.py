"""Tokens of pages: where a list goes on, and of which list that is.

A token is a State Tracker's own, with a digest of the filters and a check value, so that one that was cut, changed or
taken from another list is noticed. The key is the deployment's id: a token contains nothing secret.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from .problems import Problem

VERSION: Final = b"\x01"
DIGEST_BYTES: Final = 8
CHECK_BYTES: Final = 8
HEAD_BYTES: Final = len(VERSION) + DIGEST_BYTES
TOKEN_PATTERN: Final = r"^([A-Za-z0-9_-]{24,4096})?$"


class Pages:
    """Makes and reads the tokens of one deployment; every process makes the same ones."""

    def __init__(self, deployment_id: str) -> None:
        self._key = hashlib.sha256(b"penstock pages " + deployment_id.encode()).digest()

    def token(self, inner: str, filters: str) -> str | None:
        """Return the token for the page that `inner` stands for; None if there is none."""
        if not inner:
            return None
        head = VERSION + _digest(filters) + inner.encode()
        return base64.urlsafe_b64encode(head + self._check(head)).decode().rstrip("=")

    def inner(self, token: str, filters: str) -> str:
        """Return what a token stands for; raise Problem."""
        if not token:
            return ""
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise _unknown() from None
        head, check = data[:-CHECK_BYTES], data[-CHECK_BYTES:]
        if len(head) <= HEAD_BYTES or head[:1] != VERSION or not hmac.compare_digest(check, self._check(head)):
            raise _unknown()
        if head[1:HEAD_BYTES] != _digest(filters):
            raise Problem("not-found", "the page token is of a list with other filters; leave `after` out to start it")
        return head[HEAD_BYTES:].decode(errors="replace")

    def _check(self, head: bytes) -> bytes:
        return hmac.digest(self._key, head, "sha256")[:CHECK_BYTES]


def _digest(filters: str) -> bytes:
    return hashlib.sha256(filters.encode()).digest()[:DIGEST_BYTES]


def _unknown() -> Problem:
    return Problem("not-found", "unknown page token; leave `after` out to start at the first page")
