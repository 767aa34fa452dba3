"""Sign-in of a person at the command line: the device flow (RFC 8628) of the deployment's identity provider."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from penstock_access import provider
from penstock_access.errors import AccessError
from penstock_proto.access.v1 import service_pb2 as api

from .async_client import AsyncClient
from .errors import ClientError

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
WAIT_S, WAIT_S_MAX = 5.0, 60.0
SLOWER_S: Final = 5.0
# However long the provider says that a code is good for.
CODE_S_MAX: Final = 1_800.0


class NotSignedIn(ClientError):
    """Nobody has signed in."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a person is shown: a page of the identity provider, and the code that it asks for."""

    page: str
    code: str
    # With the code in it; empty if the provider has no such page.
    complete: str


async def sign_in(client: AsyncClient, show: Callable[[Prompt], None]) -> api.SignInResponse:
    """Begin a session, once the person has confirmed it in a browser; raise NotSignedIn, ClientError."""
    call = client.connection.call
    where: api.ProviderResponse = await call("authority", "Provider", api.ProviderRequest())
    if not where.issuer or not where.command_line_client:
        raise NotSignedIn(
            "this deployment has no identity provider for the command line: set PENSTOCK_OIDC_ISSUER and "
            "PENSTOCK_OIDC_COMMAND_LINE_CLIENT at its registry, or use an API token"
        )
    try:
        id_token = await asyncio.to_thread(_id_token, where, show)
    except AccessError as error:
        raise NotSignedIn(str(error)) from None
    return await call("authority", "SignIn", api.SignInRequest(id_token=id_token))


def keep_token(path: Path, token: str) -> None:
    """Write a token to a file that only this user reads; raise NotSignedIn."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token)
        new.replace(path)
    except OSError as error:
        raise NotSignedIn(f"the token cannot be kept in {path}: {error.strerror}") from None


def _id_token(where: api.ProviderResponse, show: Callable[[Prompt], None]) -> str:
    found = provider.describe(where.issuer)
    if not found.device:
        raise NotSignedIn(f"the identity provider {where.issuer} has no device flow: use an API token")
    form = {"client_id": where.command_line_client, "scope": where.scopes}
    begun = provider.fetch(found.device, form)
    code, page = str(begun.get("device_code", "")), str(begun.get("verification_uri", ""))
    if not code or not page:
        raise provider.ProviderAway(where.issuer, "it gives no code")
    show(Prompt(page, str(begun.get("user_code", "")), str(begun.get("verification_uri_complete", ""))))
    form = {"grant_type": DEVICE_GRANT, "device_code": code, "client_id": where.command_line_client}
    deadline = time.monotonic() + min(_seconds(begun, "expires_in", CODE_S_MAX), CODE_S_MAX)
    answer = _poll(found.token, form, _seconds(begun, "interval", WAIT_S), deadline)
    if not (token := str(answer.get("id_token", ""))):
        raise NotSignedIn("the identity provider gives no ID token: the scopes have to name openid")
    return token


def _poll(url: str, form: dict[str, str], wait_s: float, deadline: float) -> dict[str, Any]:
    """Ask until the person has decided, as slowly as the provider wants."""
    while time.monotonic() < deadline:
        time.sleep(min(max(wait_s, 0.0), WAIT_S_MAX))
        try:
            return provider.fetch(url, form)
        except provider.ProviderAway:
            wait_s = min(2 * max(wait_s, 1.0), WAIT_S_MAX)  # RFC 8628, 3.5
        except provider.Rejected as error:
            match error.error:
                case "authorization_pending":
                    pass
                case "slow_down":
                    wait_s += SLOWER_S
                case "access_denied":
                    raise NotSignedIn("the sign-in was refused in the browser") from None
                case _:
                    raise
    raise NotSignedIn("nobody signed in while the code was valid: run `penstock login` again")


def _seconds(answer: dict[str, Any], name: str, default: float) -> float:
    value = answer.get(name, default)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
