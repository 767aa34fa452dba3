"""Bodies of requests: bounded, of the right type, checked against their model."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from . import strict_json
from .answers import JSON_TYPE
from .problems import Fault, Problem, escaped

JSON_BYTES_MAX: Final = 2**20
# Models of bodies, by name, for OpenAPI.
BODIES: Final[dict[str, type[BaseModel]]] = {}

Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, media_type: str, bytes_max: int) -> bytes:
    """Return the whole body; raise Problem if its type is another one or it is too large."""
    return b"".join([chunk async for chunk in chunks(request, media_type, bytes_max)])


async def chunks(request: Request, media_type: str, bytes_max: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes; raise Problem once it is too large."""
    check_type(request, media_type)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > bytes_max:
        raise _too_large(bytes_max)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise _too_large(bytes_max)
        yield chunk


def check_type(request: Request, media_type: str) -> None:
    """Raise Problem unless the body is said to be of this type."""
    given, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").lower()
    if given.strip().lower() != media_type or charset not in ("", "charset=utf-8"):
        raise Problem(
            "unsupported-media-type",
            f"Content-Type is {request.headers.get('content-type', 'missing')!r}; send {media_type}",
            headers={"Accept-Post" if request.method == "POST" else "Accept": media_type},
        )


def json_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return what reads a request's body as this model; a dependency of routes."""

    async def body(request: Request) -> Model:
        return checked(model, await read(request, JSON_TYPE, JSON_BYTES_MAX))

    return body


def checked(model: type[Model], data: bytes) -> Model:
    """Return the model that JSON stands for; raise Problem, which names each fault by its JSON pointer."""
    tree = parsed(data)
    try:
        return model.model_validate(tree, strict=True)
    except ValidationError as error:
        faults = [Fault(_pointer(one["loc"]), one["msg"]) for one in error.errors(include_url=False)]
        text = "; ".join(f"{fault.pointer or 'the body'}: {fault.detail}" for fault in faults)
        raise Problem("invalid", text, faults) from None


def parsed(data: bytes) -> Any:
    """Return what JSON stands for; raise Problem."""
    try:
        return strict_json.parse(data)
    except strict_json.BadJson as error:
        raise Problem("malformed", str(error)) from None


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that `json_body` reads."""
    BODIES[model.__name__] = model
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {JSON_TYPE: {"schema": schema}}}}


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{escaped(str(part))}" for part in location)


def _too_large(bytes_max: int) -> Problem:
    return Problem("too-large", f"the body has more than {bytes_max:,} bytes", headers={"Connection": "close"})
