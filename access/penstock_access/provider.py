"""An identity provider as its clients call it: its description, and its answers as JSON. Blocking: use a thread."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote_plus, urlencode, urlsplit

from .errors import AccessError

TIMEOUT_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 2**20
DESCRIPTION: Final = "/.well-known/openid-configuration"


class ProviderAway(AccessError):
    """The identity provider does not respond, or not as one."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the identity provider at {where} does not respond ({why}): new sign-ins have to wait, sessions go on"
        )


class BadProvider(AccessError):
    """The address of an identity provider cannot be used."""


class Rejected(AccessError):
    """The identity provider says no; `error` is its code, RFC 6749."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"the identity provider answers {error}" + (f": {description}" if description else ""))
        self.error = error


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is asked; empty where it does not offer something."""

    issuer: str
    keys: str
    authorization: str
    token: str
    device: str


def check_issuer(issuer: str) -> str:
    """Return an issuer whose answers nobody on the way can change; raise BadProvider."""
    parts = urlsplit(issuer)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    if not is_safe or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadProvider(f"invalid identity provider {issuer!r}: expected https://HOST, as its tokens say in `iss`")
    return issuer


def describe(issuer: str) -> Provider:
    """Read how a provider describes itself; raise ProviderAway, BadProvider."""
    found = fetch(check_issuer(issuer).rstrip("/") + DESCRIPTION)
    if found.get("issuer") != issuer:
        raise BadProvider(f"the provider at {issuer} says that it is {found.get('issuer')!r}: use that name")
    names = ("jwks_uri", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint")
    places = [str(found.get(name, "")) for name in names]
    for place in filter(None, places):
        check_issuer(place.partition("?")[0])
    return Provider(issuer, *places)


def fetch(url: str, form: Mapping[str, str] | None = None, client: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON that a provider answers; raise ProviderAway, Rejected.

    Args:
        form: Is posted, if given.
        client: Id and secret of the client that asks.
    """
    headers = {"Accept": "application/json"}
    if client is not None:
        text = ":".join(map(quote_plus, client))  # RFC 6749, 2.3.1
        headers["Authorization"] = f"Basic {base64.b64encode(text.encode()).decode()}"
    data = None if form is None else urlencode(form).encode()
    where = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    try:
        with _OPENER.open(urllib.request.Request(url, data, headers), timeout=TIMEOUT_S) as answer:
            return _json(answer.read(ANSWER_BYTES_MAX), where)
    except urllib.error.HTTPError as error:
        with error:
            found = _json(error.read(ANSWER_BYTES_MAX), where) if error.code < 500 else {}
        if isinstance(found.get("error"), str):
            raise Rejected(found["error"], str(found.get("error_description", ""))) from None
        raise ProviderAway(where, f"HTTP {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProviderAway(where, str(getattr(error, "reason", "") or error or type(error).__name__)) from None


def _json(data: bytes, where: str) -> dict[str, Any]:
    try:
        found: object = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderAway(where, "its answer is not a JSON object")
    return cast("dict[str, Any]", found)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)
