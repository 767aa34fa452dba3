"""Answers: JSON by msgspec, times and ids as people read them."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from starlette.responses import Response

JSON_TYPE: Final = "application/json"
OCTETS: Final = "application/octet-stream"
# Of what is sent as it comes: no proxy may gather it.
STREAMED: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# How OpenAPI describes bytes.
BYTES: Final[dict[str, Any]] = {OCTETS: {"schema": {"type": "string", "format": "binary"}}}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Of what is named by the hash of its bytes.
IMMUTABLE: Final = "private, max-age=31536000, immutable"


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON. It changes from one moment to the next unless the headers say otherwise."""
    return Response(msgspec.json.encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, JSON_TYPE)


def shown_time(at_us: int) -> str | None:
    """Return microseconds of Unix time as RFC 3339; None for 0, which means: not yet."""
    if not at_us:
        return None
    return (EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def shown_run(run_id: bytes) -> str:
    return str(uuid.UUID(bytes=run_id))
