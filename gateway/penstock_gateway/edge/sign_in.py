"""Sign-in by a browser: authorization code with PKCE (RFC 7636). What is in progress is in the browser's own cookie."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from penstock_access import provider
from penstock_access.errors import AccessError
from penstock_access.provider import Provider, ProviderAway

from .problems import Problem

# The prefix makes browsers accept them only over HTTPS, from this very host, for all of its paths.
SESSION_COOKIE: Final = "__Host-penstock-session"
PENDING_COOKIE: Final = "__Host-penstock-sign-in"
CALLBACK: Final = "/v1/session/callback"
SIGN_IN: Final = "/v1/session/sign-in"
# Whoever signs in has so long for it.
PENDING_S: Final = 600
DESCRIBED_FOR_S: Final = 600.0
RETURN_CHARS_MAX: Final = 500
TEXT_CHARS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInOptions:
    """How the gateway is known to the identity provider.

    Attributes:
        url: By which browsers reach the gateway.
        secret: Empty: a public client, which PKCE alone protects.
    """

    issuer: str
    client: str
    url: str
    secret: str = ""
    scopes: str = "openid profile email"


class Pending(msgspec.Struct, frozen=True):
    """A sign-in that has begun, as its browser keeps it."""

    state: str
    nonce: str
    verifier: str
    back: str


class SignIn:
    """Sends browsers to the identity provider, and takes what they bring back."""

    def __init__(self, options: SignInOptions) -> None:
        self._options = options
        self._described: Provider | None = None
        self._described_at = float("-inf")

    async def begin(self, back: str) -> tuple[str, Pending]:
        """Return where a browser goes to sign in, and what it has to keep meanwhile; raise Problem."""
        options, found = self._options, await self._provider()
        pending = Pending(*(secrets.token_urlsafe(32) for _ in range(3)), back=back)
        digest = hashlib.sha256(pending.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": options.client,
            "redirect_uri": options.url + CALLBACK,
            "scope": options.scopes,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in found.authorization else "?"
        return f"{found.authorization}{joint}{urlencode(asked)}", pending

    async def finish(self, pending: Pending, code: str, state: str, issuer: str) -> str:
        """Return the ID token of who has signed in; raise Problem."""
        options = self._options
        if not hmac.compare_digest(pending.state.encode(), state.encode()):
            raise Problem("denied", "this answer belongs to another sign-in: begin again")
        if issuer and issuer != options.issuer:  # RFC 9207
            raise Problem("denied", "another identity provider has answered: begin again")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": options.url + CALLBACK,
            "code_verifier": pending.verifier,
        }
        client = (options.client, options.secret) if options.secret else None
        form |= {} if client else {"client_id": options.client}
        found = await self._provider()
        answer = await _asked(provider.fetch, found.token, form, client)
        if not isinstance(token := answer.get("id_token"), str):
            raise Problem("internal", "the identity provider gives no ID token: the scopes have to name openid")
        return token

    async def _provider(self) -> Provider:
        """Return how the provider describes itself; raise Problem."""
        found = self._described
        if found is None or time.monotonic() - self._described_at > DESCRIBED_FOR_S:
            found = self._described = await _asked(provider.describe, self._options.issuer)
            self._described_at = time.monotonic()
        return found


async def _asked(ask: Any, *arguments: Any) -> Any:
    try:
        return await asyncio.to_thread(ask, *arguments)
    except ProviderAway as error:
        raise Problem("unavailable", str(error)) from None
    except AccessError as error:
        raise Problem("denied", str(error)) from None


def packed(pending: Pending) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(pending)).rstrip(b"=").decode()


def unpacked(text: str) -> Pending:
    """Return a sign-in that has begun; raise Problem."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Pending)
    except (ValueError, msgspec.DecodeError):
        raise Problem("denied", "no sign-in is in progress in this browser: begin again") from None


def cookie(name: str, value: str, lasts_s: int) -> str:
    """Return the header that sets a cookie, or with 0 seconds removes it."""
    return f"{name}={value}; Path=/; Max-Age={lasts_s}; Secure; HttpOnly; SameSite=Lax"


def local_path(back: str) -> str:
    """Return a path of this host to go back to; anything else becomes the root."""
    is_local = back.startswith("/") and not back.startswith(("//", "/\\")) and len(back) <= RETURN_CHARS_MAX
    return back if is_local and back.isascii() and back.isprintable() and "\\" not in back else "/"
