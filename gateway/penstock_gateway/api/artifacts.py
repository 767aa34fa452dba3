"""Artifacts: any bytes, by the SHA-256 of them. They never change."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Final, NoReturn

import grpc.aio
from fastapi import APIRouter, Header
from penstock.client import Refused
from penstock.client.connection import Connection, Retry
from penstock_proto.artifact_store.v1 import service_pb2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..edge.answers import BYTES, IMMUTABLE, OCTETS, answer
from ..edge.bodies import check_type, chunks
from ..edge.problems import Problem
from ..edge.ranges import Part, is_current, part_of
from . import models
from .context import ArtifactHash, Context, Here

CHUNK_BYTES: Final = 2**20
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "All of it.", "content": BYTES},
    206: {"description": "A part of it.", "content": BYTES},
    304: {"description": "The client has it already."},
}

router = APIRouter(prefix="/v1", tags=["artifacts"])


@router.get("/artifacts/{artifact}", response_model=None, responses=RESPONSES)
async def get_artifact(
    here: Here,
    request: Request,
    artifact: ArtifactHash,
    _range: Annotated[str, Header(alias="Range", description="One part, such as `bytes=0-99`.")] = "",
    _known: Annotated[str, Header(alias="If-None-Match", description="ETag of what the client has.")] = "",
) -> Response:
    """Get an artifact, or a part of it."""
    return await _artifact(here, request, artifact)


@router.head(
    "/artifacts/{artifact}", response_model=None, responses={200: {"description": "It is there.", "content": BYTES}}
)
async def head_artifact(here: Here, request: Request, artifact: ArtifactHash) -> Response:
    """Get the size of an artifact."""
    return await _artifact(here, request, artifact)


@router.put(
    "/artifacts/{artifact}",
    status_code=201,
    response_model=models.StoredArtifact,
    responses={200: {"description": "It was there already.", "model": models.StoredArtifact}},
    openapi_extra={"requestBody": {"required": True, "content": BYTES}},
)
async def put_artifact(here: Here, request: Request, artifact: ArtifactHash) -> Response:
    """Store bytes durably under their SHA-256."""
    check_type(request, OCTETS)
    connection, name = here.client.connection, bytes.fromhex(artifact)
    asked = service_pb2.MissingRequest(artifacts=[name])
    missing = (await connection.call("artifact_store", "Missing", asked)).artifacts
    body = chunks(request, OCTETS, here.artifact_bytes_max)
    stored = await put(connection, name, body)
    location = f"/v1/artifacts/{artifact}"
    shown = {"artifact": artifact, "size_bytes": stored.size_bytes, "href": location}
    return answer(shown, 201 if missing else 200, {"Location": location})


async def _artifact(here: Context, request: Request, artifact: str) -> Response:
    etag, name = f'"{artifact}"', bytes.fromhex(artifact)
    size = await _size(here, name)
    headers = {
        "ETag": etag,
        "Cache-Control": IMMUTABLE,
        "Accept-Ranges": "bytes",
        # A browser must not show, as a page of this site, what an operator has written.
        "Content-Disposition": f'attachment; filename="{artifact}"',
    }
    if is_current(request, etag):
        return Response(status_code=304, headers=headers)
    part = part_of(request, etag, size) if request.method == "GET" else None
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    start, end = (part.start, part.end) if part is not None else (0, size)
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(headers=headers, media_type=OCTETS)
    content = _content(here.client.connection, name, Part(start, end))
    return StreamingResponse(content, 200 if part is None else 206, headers, OCTETS)


async def _size(here: Context, artifact: bytes) -> int:
    """Return the size, as the first message of a download says; raise NOT_FOUND as Refused."""
    if (known := here.sizes.get(artifact)) is not None:
        return known
    async with aclosing(_messages(here.client.connection, artifact, 0)) as messages:
        async for message in messages:
            here.sizes.keep(artifact, message.size_bytes)
            return message.size_bytes
    raise Problem("not-found", f"artifact {artifact.hex()} cannot be read")


async def _content(connection: Connection, artifact: bytes, part: Part) -> AsyncGenerator[bytes]:
    left = part.end - part.start
    async with aclosing(_messages(connection, artifact, part.start)) as messages:
        async for message in messages:
            chunk = message.chunk[:left]
            left -= len(chunk)
            yield chunk
            if not left:
                return


async def _messages(connection: Connection, artifact: bytes, offset: int) -> AsyncGenerator[service_pb2.GetResponse]:
    """Yield an artifact from an offset on; a broken connection is resumed."""
    retry = await connection.retry("artifact_store")
    while not retry.is_finished:
        request = service_pb2.GetRequest(artifact=artifact, offset=offset)
        async with aclosing(connection.stream("artifact_store", "Get", request, retry)) as stream:
            async for message in stream:
                offset += len(message.chunk)
                yield message


async def put(connection: Connection, artifact: bytes, body: AsyncIterator[bytes]) -> service_pb2.PutResponse:
    """Pass a body on as it comes. It comes once: a failure is not retried here, but by the client."""
    refused: list[Problem] = []

    async def requests() -> AsyncGenerator[service_pb2.PutRequest]:
        yield service_pb2.PutRequest(artifact=artifact)
        try:
            async for chunk in body:
                for at in range(0, len(chunk), CHUNK_BYTES):
                    yield service_pb2.PutRequest(chunk=chunk[at : at + CHUNK_BYTES])
        except Problem as problem:
            refused.append(problem)
            raise

    retry = await connection.retry("artifact_store", 0.0)
    try:
        return await connection.stub("artifact_store", retry.address).Put(requests())
    except (grpc.aio.AioRpcError, asyncio.CancelledError) as error:
        if refused:  # gRPC cancels a call whose requests end with an error
            raise refused[0] from None
        if isinstance(error, asyncio.CancelledError):
            raise
        return await _refused(retry, error)


async def _refused(retry: Retry, error: grpc.aio.AioRpcError) -> NoReturn:
    """Raise what the store's refusal means; other bytes than the name says are a conflict (RFC 9110, 9.3.4)."""
    try:
        await retry.wait_after(error)
    except Refused as refusal:
        if refusal.code == "INVALID_ARGUMENT":
            raise Problem("conflict", str(refusal)) from None
        raise
    raise error
