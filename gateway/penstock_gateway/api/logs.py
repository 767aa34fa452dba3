"""What operators printed: as lines, live if wanted, or as the bytes of one attempt."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Query
from fastapi import Path as PathParameter
from penstock.client import ClientError
from penstock.client.printed import Window
from penstock.client.runs import LogLine
from penstock.client.submission import node_index
from penstock_proto.artifact_store.v1 import service_pb2
from penstock_proto.plan.v1 import plan_pb2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..edge.answers import STREAMED, shown_time
from ..edge.problems import Problem
from ..edge.ranges import part_of
from .context import NAME_CHARS_MAX, NAME_PATTERN, Context, Here, NodeName, RunId
from .run_filters import TimeFilter, time_us

TAIL_MAX: Final = 10_000
LINES_MAX: Final = 20_000
LINES: Final = "application/x-ndjson"
TEXT: Final = "text/plain; charset=utf-8"
LINES_RESPONSE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One JSON object a line: `node`, `attempt`, `at`, `text`.",
        "content": {LINES: {"schema": {"type": "string"}}},
    }
}
TEXT_CONTENT: Final[dict[str, Any]] = {"text/plain": {"schema": {"type": "string"}}}

router = APIRouter(prefix="/v1", tags=["logs"])


@router.get("/runs/{run:part}/logs", response_model=None, responses=LINES_RESPONSE)
async def list_lines(
    here: Here,
    run: RunId,
    node: Annotated[str, Query(max_length=255, pattern=NAME_PATTERN)] = "",
    follow: Annotated[bool, Query(description="Go on with what is printed later, until the run ends.")] = False,
    tail: Annotated[int, Query(ge=0, le=TAIL_MAX, description="Only the last lines, and nothing later; 0: all.")] = 0,
    q: Annotated[str, Query(max_length=NAME_CHARS_MAX, description="Only lines with this text, in any case.")] = "",
    printed_from: Annotated[TimeFilter | None, Query(description="Printed then or later (RFC 3339).")] = None,
    printed_before: Annotated[TimeFilter | None, Query(description="With `tail`: printed before then.")] = None,
    skip: Annotated[
        int,
        Query(ge=0, le=LINES_MAX, description="Leave this many lines out: the first ones; with `tail`, the last ones."),
    ] = 0,
    limit: Annotated[int, Query(ge=0, le=LINES_MAX, description="At most this many lines; 0: all.")] = 0,
) -> Response:
    """List the lines that the operators of a run printed, or those of one node, in the order of their times.

    To go on from a line: its `at` as `printed_from`, and as `skip` the number of lines of that time that you have.
    """
    summary = await here.client.summary(run)
    if node:
        _index(await here.client.plan(summary.plan), node)
    window = Window(
        from_us=time_us("printed_from", printed_from),
        last=min(tail + skip, LINES_MAX) if tail else 0,
        before_us=time_us("printed_before", printed_before),
        text=q,
    )
    lines = here.client.logs(run, node or None, follow=follow and not tail, window=window)
    shown = _without_last(lines, skip) if tail else _part(lines, skip, limit or None)
    return StreamingResponse(shown, headers=STREAMED, media_type=LINES)


@router.get(
    "/runs/{run:part}/nodes/{node:part}/attempts/{attempt}/log",
    response_model=None,
    responses={
        200: {"description": "All of it.", "content": TEXT_CONTENT},
        206: {"description": "A part of it.", "content": TEXT_CONTENT},
    },
)
async def get_log(
    here: Here,
    request: Request,
    run: RunId,
    node: NodeName,
    attempt: Annotated[int, PathParameter(ge=1, le=10**9, examples=[1])],
    _range: Annotated[str, Header(alias="Range", description="One part, such as `bytes=1000-`.")] = "",
) -> Response:
    """Get the text that one attempt printed. It only grows: ask for what follows the bytes that you have."""
    summary = await here.client.summary(run)
    index = _index(await here.client.plan(summary.plan), node)
    text = await _text(here, summary.run_id, index, attempt)
    headers = {**STREAMED, "Accept-Ranges": "bytes"}
    part = part_of(request, "", len(text))
    if part is None:
        return Response(text, 200, headers, TEXT)
    headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{len(text)}"
    return Response(text[part.start : part.end], 206, headers, TEXT)


def _index(plan: plan_pb2.Plan, node: str) -> int:
    try:
        return node_index(plan, node)
    except ClientError as error:
        raise Problem("not-found", str(error)) from None


async def _part(lines: AsyncGenerator[LogLine], skip: int, limit: int | None) -> AsyncGenerator[bytes]:
    async with aclosing(lines):
        count = 0
        async for line in lines:
            count += 1
            if count > skip:
                yield _shown(line)
            if limit is not None and count == skip + limit:
                return


async def _without_last(lines: AsyncGenerator[LogLine], skip: int) -> AsyncGenerator[bytes]:
    found = [line async for line in lines]
    for line in found[: len(found) - skip]:
        yield _shown(line)


def _shown(line: LogLine) -> bytes:
    shown = {"node": line.node, "attempt": line.attempt, "at": shown_time(line.at_us), "text": line.text}
    return msgspec.json.encode(shown) + b"\n"


async def _text(here: Context, run_id: bytes, node: int, attempt: int) -> bytes:
    """Return the output of one attempt, which is limited to some MiB."""
    connection = here.client.connection
    retry = await connection.retry("artifact_store")
    request = service_pb2.ReadLogRequest(run_id=run_id, node=node)
    text = bytearray()
    while not retry.is_finished:
        text.clear()
        async with aclosing(connection.stream("artifact_store", "ReadLog", request, retry)) as stream:
            async for message in stream:
                if message.key.attempt == attempt:
                    for line in message.lines:
                        text += line.text.encode() + b"\n"
    return bytes(text)
