"""Runs found by a part of their ids."""

from __future__ import annotations

import uuid
from typing import Any

from penstock_proto.state_tracker.v1 import service_pb2

from .connection import Connection
from .errors import AmbiguousRun, NoSuchRun
from .run_id import parse_run_id


async def run_with(connection: Connection, part: str) -> uuid.UUID:
    """Return the run with this id, or the only one whose id starts or ends so; raise NoSuchRun, AmbiguousRun."""
    digits = part.replace("-", "").lower()
    if len(digits) == 32:
        return parse_run_id(part)
    if not 0 < len(digits) < 32 or set(digits) - set("0123456789abcdef"):
        raise NoSuchRun(part)
    request = service_pb2.FindRunsRequest(part=digits)
    answer: Any = await connection.call("state_tracker", "FindRuns", request)
    found = [uuid.UUID(bytes=run_id) for run_id in answer.run_ids]
    if not found:
        raise NoSuchRun(part)
    if len(found) > 1:
        raise AmbiguousRun(part, [str(each) for each in found[:10]])
    return found[0]
