"""Files for inputs: stored under the hash that the gateway computes, since a browser cannot say it before."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Query
from penstock.codecs import Undecodable
from penstock.codecs.files import SIZE_BYTES, name_of
from starlette.requests import Request
from starlette.responses import Response

from ..edge.answers import BYTES, OCTETS, answer
from ..edge.bodies import check_type, chunks
from ..edge.problems import Fault, Problem
from . import models, shown
from .artifacts import CHUNK_BYTES, put
from .context import HASH_PATTERN, Context, Here

NAME_CHARS_MAX: Final = 255

router = APIRouter(prefix="/v1", tags=["artifacts"])


@router.post(
    "/artifacts",
    status_code=201,
    response_model=models.UploadedInput,
    openapi_extra={"requestBody": {"required": True, "content": BYTES}},
)
async def upload(
    here: Here,
    request: Request,
    name: Annotated[
        str,
        Query(
            max_length=NAME_CHARS_MAX,
            pattern=r"^[^/\\\x00-\x1f\x7f]*$",
            description="Name of the file, for inputs of type Path. Without it, the bytes are an input of type bytes.",
            examples=["data.csv"],
        ),
    ] = "",
    sha256: Annotated[
        str, Query(pattern=HASH_PATTERN, description="Of the body; it is stored only if it has this hash.")
    ] = "",
) -> Response:
    """Store a file; `input` of the answer is what `artifacts` of a launch takes."""
    check_type(request, OCTETS)
    head = _head(name) if name else b""
    if here.uploading.locked():
        raise Problem("overloaded", "this gateway takes as many files as it may; retry later")
    async with here.uploading:
        file = await asyncio.to_thread(tempfile.TemporaryFile)
        try:
            artifact, size = await _spool(here, request, file, head, sha256)
            await put(here.client.connection, artifact, _read(file))
        finally:
            await asyncio.to_thread(file.close)
    kind = {"codec": "file", "type": "Path"} if name else {"codec": "bytes", "type": "bytes"}
    location = shown.artifact_href(artifact)
    given: dict[str, Any] = {"artifact": artifact.hex(), **kind, "size_bytes": size}
    return answer({"input": given, "href": location}, 201, {"Location": location})


async def _spool(here: Context, request: Request, file: IO[bytes], head: bytes, expected: str) -> tuple[bytes, int]:
    """Write what comes to a file; return its hash and size. Raises Problem if the body is another one."""
    whole, body, size = hashlib.sha256(head), hashlib.sha256(), len(head)
    file.write(head)
    async for chunk in chunks(request, OCTETS, here.upload_bytes_max):
        whole.update(chunk)
        body.update(chunk)
        size += len(chunk)
        await asyncio.to_thread(file.write, chunk)
    if expected and body.hexdigest() != expected:
        text = f"the body has the SHA-256 {body.hexdigest()}, not {expected}"
        raise Problem("conflict", text, [Fault("query parameter sha256", text)])
    return whole.digest(), size


async def _read(file: IO[bytes]) -> AsyncGenerator[bytes]:
    await asyncio.to_thread(file.seek, 0)
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk


def _head(name: str) -> bytes:
    """Return what stands before the bytes of a file; raise Problem for a name that no file can have."""
    data = name.encode()
    head = (len(data) % 2**16).to_bytes(SIZE_BYTES, "little") + data
    try:
        name_of(memoryview(head))
    except Undecodable:
        text = f"{name[:80]!r} is not the name of a file: expected at most 255 bytes, and no path"
        raise Problem("invalid", text, [Fault("query parameter name", text)]) from None
    return head
