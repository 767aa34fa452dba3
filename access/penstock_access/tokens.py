"""Access tokens: JWT, signed with Ed25519, valid for minutes. Pure: keys and times are arguments."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import BadToken, UnknownKey
from .principal import Kind, Principal, Role

ALGORITHM: Final = "EdDSA"
ISSUER: Final = "penstock"
ACCESS_S: Final = 300
# Workers outlast an authority that is away for longer.
WORKER_S: Final = 3_600
SERVICE_S: Final = 300
# By which clocks may differ.
LEEWAY_S: Final = 10
# Of tokens that services sign themselves, with the key that they share.
SERVICE_KEY_ID: Final = "service"
SERVICE_AUDIENCE: Final = "penstock-services"
TOKEN_CHARS_MAX: Final = 16_000
TEAMS_MAX: Final = 200
REQUIRED: Final = ("exp", "nbf", "aud", "iss", "sub", "jti")


def sign(principal: Principal, key: Ed25519PrivateKey, key_id: str, audience: str, now_s: float) -> str:
    """Return the token of a principal; it expires when the principal does."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": principal.subject,
        "jti": principal.credential or uuid.uuid4().hex,
        "nbf": int(now_s),
        "exp": int(principal.expires_s),
        "kind": principal.kind.value,
        "name": principal.name,
        "src": principal.source,
        "teams": {team: role.word for team, role in principal.teams.items()},
    }
    claims |= {"admin": True} if principal.is_admin else {}
    claims |= {"pool": principal.pool} if principal.pool else {}
    return jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id})


def key_id_of(token: str) -> str:
    """Return which key a token says that it is signed with; raise BadToken."""
    if len(token) > TOKEN_CHARS_MAX:
        raise BadToken("it is too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise BadToken("it is not a token of Penstock") from None
    if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
        raise BadToken("it is not signed as tokens of Penstock are")
    return str(header["kid"])


def verify(token: str, keys: Mapping[str, Ed25519PublicKey], audience: str, now_s: float) -> Principal:
    """Return whom a token speaks of; raise BadToken, UnknownKey.

    Args:
        keys: By id. The one named SERVICE_KEY_ID is for tokens of services, and for no others.
    """
    key_id = key_id_of(token)
    if key_id not in keys:
        raise UnknownKey(key_id)
    of_service = key_id == SERVICE_KEY_ID
    try:
        claims = jwt.decode(
            token,
            keys[key_id],
            algorithms=[ALGORITHM],
            audience=SERVICE_AUDIENCE if of_service else audience,
            issuer=ISSUER,
            # The times are compared below, with the time that was given.
            options={"require": list(REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as error:
        raise BadToken(_why(error)) from None
    expires_s, not_before_s = _seconds(claims, "exp"), _seconds(claims, "nbf")
    if now_s >= expires_s + LEEWAY_S:
        raise BadToken("it has expired")
    if now_s < not_before_s - LEEWAY_S:
        raise BadToken("it is not valid yet")
    return _principal(claims, expires_s, of_service)


def _principal(claims: Mapping[str, Any], expires_s: float, of_service: bool) -> Principal:
    try:
        kind = Kind(claims.get("kind", ""))
        given = cast(Mapping[str, Any], claims.get("teams", {}))
        teams = {str(team): Role[str(role).upper()] for team, role in given.items()}
    except (ValueError, KeyError, AttributeError):
        raise BadToken("its claims are not those of a token of Penstock") from None
    if (kind is Kind.SERVICE) != of_service:
        raise BadToken("a service's token is signed with the service key, and no other token is")
    return Principal(
        kind=kind,
        subject=str(claims["sub"]),
        name=str(claims.get("name", "")),
        teams=teams,
        is_admin=claims.get("admin") is True,
        pool=str(claims.get("pool", "")),
        source=str(claims.get("src", "")),
        credential=str(claims["jti"]),
        expires_s=expires_s,
    )


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise BadToken(f"its {name} is not a time")
    return float(value)


def _why(error: jwt.InvalidTokenError) -> str:
    match error:
        case jwt.InvalidAudienceError():
            return "it is for another deployment"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case jwt.MissingRequiredClaimError():
            return f"it has no {error.claim}"
        case _:
            return "it is not a token of Penstock"
