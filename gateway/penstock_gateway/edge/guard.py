"""What every request passes first: its host and its origin. Then it is measured, and its answer gets safe headers."""

import logging
import time
import uuid
from collections.abc import Iterable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from penstock_observability import metrics
from penstock_service.settings import is_loopback
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .problems import REQUEST_ID, Problem, answer_problem, handle_error
from .sign_in import SESSION_COOKIE

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# Any value; requests that change something by a session have it.
CSRF_HEADER: Final = "penstock-csrf"
# In metrics, of what no route matches.
NO_ROUTE: Final = "none"

log = logging.getLogger(__name__)


class Guard:
    """The outermost layer.

    A page on another site cannot make a browser call this API: by DNS rebinding it would name another host, and a
    request across sites names its origin. There is no CORS: no other page may read an answer.

    Args:
        hosts: Names that requests may be for, besides those of loopback.
        origins: Of pages that may call, besides the API's own.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request_id = scope[REQUEST_ID] = uuid.uuid4().hex
        began, status, is_answered = time.monotonic(), 0, False

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            nonlocal status, is_answered
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                added = [header for header in HEADERS if header[0] not in given]
                message["headers"] = [*message["headers"], *added, (b"x-request-id", request_id.encode())]
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            problem = self._problem(request) or _use_session(request)
            if problem is not None:
                await answer_problem(request, problem)(scope, receive, send_safely)
            else:
                await self._app(scope, receive, send_safely)
        except Exception as error:
            if status and not is_answered:
                raise  # the answer is on its way: only the connection can end
            if not status:
                await (await handle_error(request, error))(scope, receive, send_safely)
        finally:
            route = getattr(scope.get("route"), "path_format", NO_ROUTE)
            metrics.HTTP_REQUESTS.labels(route, request.method if route != NO_ROUTE else "", str(status)).inc()
            metrics.HTTP_SECONDS.labels(route).observe(time.monotonic() - began)

    def _problem(self, request: Request) -> Problem | None:
        host = request.headers.get("host", "")
        name = _host_name(host)
        if not name or not (is_loopback(name) or name in self._hosts):
            return Problem(
                "misdirected", f"host {host[:100]!r} is not served here; PENSTOCK_HTTP_HOSTS lists the others"
            )
        origin = request.headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            return Problem("foreign-origin", f"origin {origin[:100]!r} may not call this API")
        site = request.headers.get("sec-fetch-site", "none")
        if origin is None and request.method not in SAFE_METHODS and site not in ("none", "same-origin"):
            return Problem("foreign-origin", "a page of another site may not call this API")
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        return origin.lower() in self._origins or urlsplit(origin.lower()).netloc == host.lower()


def _use_session(request: Request) -> Problem | None:
    """Let the session of a browser's cookie be the token of its request, unless that has one of its own.

    Browsers send cookies whoever made the page. Only a page of this origin can add a header of its own.
    """
    token = request.cookies.get(SESSION_COOKIE, "")
    if not token or "authorization" in request.headers:
        return None
    if request.method not in SAFE_METHODS and CSRF_HEADER not in request.headers:
        return Problem(
            "foreign-origin", f"a request with a session that changes something needs the header {CSRF_HEADER}"
        )
    request.scope["headers"] = [*request.scope["headers"], (b"authorization", f"Bearer {token}".encode("latin-1"))]
    return None


def _host_name(host: str) -> str:
    """Return the name or address within a Host header; empty if it is not one."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if host.isprintable() and "@" not in host else ""
    except ValueError:
        return ""
