"""Errors as clients see them: problem details (RFC 9457), one table for all of them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import msgspec
from fastapi.exceptions import RequestValidationError
from penstock.client import (
    AmbiguousRun,
    BadInputs,
    BadOutput,
    ClientError,
    NoSuchRun,
    Overloaded,
    Refused,
    UnknownPool,
    Unreachable,
)
from penstock.client.access import AccessOff
from penstock.client.errors import ForkRefused
from penstock.client.registered import BadReference
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import GatewayError, TooManyWatchers

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "penstock.request_id"
DETAIL_CHARS_MAX: Final = 3_000
ERRORS_MAX: Final = 50
RETRY_AFTER_S: Final = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem. Its type is a URI reference below which the API describes it."""

    slug: str
    status: int
    title: str
    remedy: str

    @property
    def type(self) -> str:
        return f"/v1/problems/{self.slug}"


def _table(*kinds: Kind) -> Mapping[str, Kind]:
    return MappingProxyType({kind.slug: kind for kind in kinds})


KINDS: Final = _table(
    Kind("malformed", 400, "The request cannot be read", "Correct the syntax; the detail says where it is wrong."),
    Kind("unauthenticated", 401, "The caller is unknown", "Send a valid token."),
    Kind("foreign-origin", 403, "The request comes from another site", "Add the origin to PENSTOCK_HTTP_ORIGINS."),
    Kind("denied", 403, "The caller may not do this", "Ask an administrator of the team for a role that may."),
    Kind("not-found", 404, "There is nothing here", "Check the path and the ids in it."),
    Kind("method-not-allowed", 405, "The method is not supported here", "Use one of those in the header Allow."),
    Kind("not-acceptable", 406, "The answer has another format", "Accept a format that this resource has."),
    Kind(
        "conflict",
        409,
        "The request contradicts an earlier one, or its own name",
        "Use a new id or key, or the hash of these bytes.",
    ),
    Kind("too-large", 413, "The request is too large", "Send less; store large values as artifacts first."),
    Kind("unsupported-media-type", 415, "The body has the wrong type", "Set Content-Type as documented."),
    Kind("range-not-satisfiable", 416, "The range lies outside", "Ask for a range within the size."),
    Kind("misdirected", 421, "The host is not served here", "Add the host to PENSTOCK_HTTP_HOSTS."),
    Kind("invalid", 422, "The request is invalid", "Correct what `errors` names."),
    Kind("overloaded", 429, "There is too much to do now", "Repeat the request after Retry-After seconds."),
    Kind("internal", 500, "The gateway or a service failed", "Read the log; `instance` is in it."),
    Kind("unimplemented", 501, "The service does not implement this", "Upgrade the services to one version."),
    Kind("unavailable", 503, "A service is unavailable", "Repeat the request after Retry-After seconds."),
    Kind("too-slow", 504, "A service did not respond in time", "Repeat the request."),
)

# gRPC status -> kind of problem.
OF_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": "invalid",
        "OUT_OF_RANGE": "invalid",
        "NOT_FOUND": "not-found",
        "ALREADY_EXISTS": "conflict",
        "ABORTED": "conflict",
        "RESOURCE_EXHAUSTED": "overloaded",
        "UNAUTHENTICATED": "unauthenticated",
        "PERMISSION_DENIED": "denied",
        "DEADLINE_EXCEEDED": "too-slow",
        # The owner of a shard was followed already, as far as that helps.
        "FAILED_PRECONDITION": "unavailable",
        "UNAVAILABLE": "unavailable",
        "CANCELLED": "unavailable",
        "UNIMPLEMENTED": "unimplemented",
    }
)
# Status of what Starlette raises -> kind of problem.
OF_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {400: "malformed", 404: "not-found", 405: "method-not-allowed", 406: "not-acceptable", 413: "too-large"}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request. `pointer` is a JSON pointer into the body, or a parameter's name."""

    pointer: str
    detail: str

    def shown(self) -> dict[str, str]:
        return {"pointer": self.pointer, "detail": self.detail}


@dataclass
class Problem(GatewayError):
    """Raised by whatever handles a request; becomes its answer."""

    slug: str
    detail: str
    errors: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.detail


def answer_problem(request: Request, problem: Problem) -> Response:
    """Return the problem as an answer."""
    kind = KINDS[problem.slug]
    body: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail[:DETAIL_CHARS_MAX],
        "instance": request.scope.get(REQUEST_ID, ""),
    }
    if problem.errors:
        body["errors"] = [fault.shown() for fault in problem.errors[:ERRORS_MAX]]
    headers = dict(problem.headers)
    if kind.status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if kind.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return Response(msgspec.json.encode(body), kind.status, headers, MEDIA_TYPE)


def of_error(error: Exception) -> Problem:
    """Return what clients are shown of any error."""
    match error:
        case Problem():
            return error
        case NoSuchRun() | BadReference() | AccessOff():
            return Problem("not-found", str(error))
        case AmbiguousRun() | ForkRefused():
            return Problem("conflict", str(error))
        case BadInputs():
            return Problem("invalid", str(error), [Fault("/inputs", text) for text in error.problems])
        case UnknownPool():
            return Problem("invalid", str(error), [Fault("/pool", str(error))])
        case Unreachable():
            return Problem("unavailable", str(error))
        case TooManyWatchers():
            return Problem("unavailable", str(error))
        case Overloaded():
            return Problem("overloaded", str(error))
        case Refused():
            return _of_refused(error)
        case BadOutput() | ClientError():
            return Problem("internal", str(error))
        case HTTPException():
            slug = OF_STATUS.get(error.status_code, "internal")
            return Problem(slug, str(error.detail), headers=error.headers or {})
        case RequestValidationError():
            return _of_validation(error)
        case _:
            return Problem("internal", "the request failed; the log of the gateway says why")


def _of_refused(error: Refused) -> Problem:
    slug = OF_CODE.get(error.code, "internal")
    head, *lines = str(error).split("\n- ")
    return Problem(slug, str(error), [Fault(_pointer(line), line) for line in lines] if head else ())


def _pointer(line: str) -> str:
    """Return where the input is that a line of a State Tracker's answer is about: it quotes the name."""
    _, quote, rest = line.partition("input '")
    return f"/inputs/{escaped(rest.partition(chr(39))[0])}" if quote else ""


def _of_validation(error: RequestValidationError) -> Problem:
    faults = [Fault(_place(one["loc"]), str(one["msg"])) for one in error.errors()]
    return Problem("invalid", "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)


def _place(location: Sequence[Any]) -> str:
    where, *rest = location
    return f"{where} parameter {'.'.join(map(str, rest))}"


def escaped(name: str) -> str:
    """Return a name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer an error; one that is ours is logged."""
    problem = of_error(error)
    if problem.slug == "method-not-allowed":
        problem.headers = {"Allow": ", ".join(sorted(_allowed(request)))}
    if KINDS[problem.slug].status == 500:
        log.error(
            "%s %s failed (request %s)",
            request.method,
            request.url.path,
            request.scope.get(REQUEST_ID, ""),
            exc_info=error,
        )
    return answer_problem(request, problem)


def _allowed(request: Request) -> set[str]:
    """Return the methods of a path: Starlette names those of the first route alone."""
    path: str = request.scope["path"]
    routes: Sequence[Any] = request.app.routes
    return {method for route in routes if route.path_regex.match(path) for method in route.methods}
