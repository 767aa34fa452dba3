"""Who calls, and the sessions of people: they sign in with the identity provider, and a cookie stands for them."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query
from penstock.client import Refused
from penstock_access.credentials import token_id
from penstock_access.principal import Kind, Role
from penstock_proto.access.v1 import service_pb2 as api
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..edge import bodies, token_form
from ..edge.answers import answer
from ..edge.problems import Problem
from ..edge.sign_in import (
    CALLBACK,
    PENDING_COOKIE,
    PENDING_S,
    SESSION_COOKIE,
    SIGN_IN,
    TEXT_CHARS_MAX,
    SignIn,
    cookie,
    local_path,
    packed,
    unpacked,
)
from . import fields
from .context import Here, context_of
from .fields import Body

# A browser that signed in with an API token forgets it after so long.
SESSION_S: Final = 12 * 3_600


class Membership(Body):
    team: str
    role: fields.Role


class Session(Body):
    """Who calls.

    Attributes:
        access: Whether callers are verified at all.
        source: How the caller is known, such as `oidc` or `api_token`.
        sign_in: Path that a browser opens to sign in.
    """

    access: bool
    signed_in: bool
    subject: str | None
    name: str | None
    source: str | None
    deployment_admin: bool
    teams: list[Membership]
    sign_in: str | None


router = APIRouter(tags=["session"])

Text = Annotated[str, Query(max_length=TEXT_CHARS_MAX)]


@router.get("/v1/session", response_model=Session)
async def get_session(here: Here) -> Response:
    """Say who calls, and with which roles; and where to sign in, if nobody has.

    Without access control everybody may do everything, and `access` is false.
    """
    body: dict[str, Any] = {
        "access": True,
        "signed_in": False,
        "subject": None,
        "name": None,
        "source": None,
        "deployment_admin": False,
        "teams": [],
        "sign_in": SIGN_IN,
    }
    try:
        me = await here.client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
    except Refused as error:
        if error.code not in ("UNAUTHENTICATED", "UNIMPLEMENTED"):
            raise
        is_on = error.code == "UNAUTHENTICATED"
        return answer(body | {"access": is_on, "sign_in": SIGN_IN if is_on else None})
    teams = [{"team": one.team, "role": Role(one.role).word} for one in me.teams]
    found = {"subject": me.subject, "name": me.name, "source": me.source, "deployment_admin": me.deployment_admin}
    return answer(body | found | {"signed_in": True, "teams": teams})


@router.delete("/v1/session", status_code=204, response_class=Response)
async def sign_out(here: Here, request: Request) -> Response:
    """Sign out: end the session of the cookie, and remove it. Tokens given for it end within five minutes.

    An API token that somebody signed in with stays valid.
    """
    if token := request.cookies.get(SESSION_COOKIE, ""):
        try:
            me = await here.client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
            if me.source == "oidc":
                request_ = api.RevokeTokenRequest(id=token_id(token))
                await here.client.connection.call("authority", "RevokeToken", request_)
        except Refused as error:
            if error.code not in ("UNAUTHENTICATED", "NOT_FOUND"):  # it has ended already
                raise
    return Response(status_code=204, headers={"Set-Cookie": cookie(SESSION_COOKIE, "", 0)})


@router.get(SIGN_IN, include_in_schema=False)
async def begin(request: Request, back: Annotated[str, Query(alias="return")] = "/") -> Response:
    """Send the browser to the identity provider; without one, ask for an API token."""
    if request.app.state.sign_in is None:
        response = token_form.form(SIGN_IN, local_path(back))
        response.headers.append("Set-Cookie", cookie(SESSION_COOKIE, "", 0))  # of a session that has ended
        return response
    where, pending = await _sign_in(request).begin(local_path(back))
    return _redirect(where, cookie(PENDING_COOKIE, packed(pending), PENDING_S))


@router.post(SIGN_IN, include_in_schema=False)
async def sign_in_by_token(request: Request) -> Response:
    """Begin the session of who knows an API token."""
    token, back = token_form.read(await bodies.read(request, token_form.TYPE, token_form.BYTES_MAX))
    client = context_of(request, token if token.isascii() and token.isprintable() else "").client
    try:
        me = await client.connection.call("authority", "WhoAmI", api.WhoAmIRequest())
    except Refused as error:
        if error.code != "UNAUTHENTICATED":
            raise
        return token_form.form(SIGN_IN, local_path(back), "This token is unknown, revoked or has expired.")
    if me.kind != Kind.USER:
        return token_form.form(SIGN_IN, local_path(back), "This token is not one of a person.")
    return _redirect(local_path(back), cookie(SESSION_COOKIE, token, SESSION_S))


@router.get(CALLBACK, include_in_schema=False)
async def finish(
    here: Here, request: Request, code: Text = "", state: Text = "", iss: Text = "", error: Text = ""
) -> Response:
    """Begin the session of who comes back from the identity provider."""
    pending = unpacked(request.cookies.get(PENDING_COOKIE, ""))
    if error or not code:
        raise Problem("denied", f"the identity provider did not sign you in: {error or 'it gave no code'}")
    id_token = await _sign_in(request).finish(pending, code, state, iss)
    message = api.SignInRequest(id_token=id_token, nonce=pending.nonce)
    begun: api.SignInResponse = await here.client.connection.call("authority", "SignIn", message)
    lasts_s = max(1, int(begun.token.expires_at_us / 1e6 - time.time()))
    return _redirect(pending.back, cookie(SESSION_COOKIE, begun.secret, lasts_s), cookie(PENDING_COOKIE, "", 0))


def _sign_in(request: Request) -> SignIn:
    found = cast("SignIn | None", request.app.state.sign_in)
    if found is None:
        raise Problem("not-found", "nobody signs in here: set PENSTOCK_OIDC_ISSUER at the gateway")
    return found


def _redirect(where: str, *cookies: str) -> Response:
    response = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
    for one in cookies:
        response.headers.append("Set-Cookie", one)
    return response
