"""ID tokens of an identity provider (OpenID Connect): who has signed in. Pure: keys and times are arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import jwt

from .errors import AccessError, UnknownKey

# Only signatures by a key that the provider keeps for itself: a secret that is shared could sign, too.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")
LEEWAY_S: Final = 10
# After it was issued, an ID token signs in for so long.
AGE_S_MAX: Final = 600
CHARS_MAX: Final = 32_000
TEXT_CHARS_MAX: Final = 200
GROUPS_MAX: Final = 500


Keys = dict[str, jwt.PyJWK]


class BadIdToken(AccessError):
    """An ID token is not accepted."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the ID token is not accepted: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What ID tokens have to say.

    Attributes:
        clients: The programs that people sign in with, as the provider knows them.
        groups_claim: Where the groups of the person are.
    """

    issuer: str
    clients: Sequence[str]
    groups_claim: str = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    subject: str
    name: str
    groups: tuple[str, ...]


def verify(token: str, keys: Mapping[str, jwt.PyJWK], expected: Expected, nonce: str, now_s: float) -> Person:
    """Return who has signed in; raise BadIdToken, UnknownKey.

    Args:
        nonce: What the sign-in began with; empty: it began without.
    """
    key = keys[_key_id(token, keys)]
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[str(key.algorithm_name)],
            audience=list(expected.clients),
            issuer=expected.issuer,
            # The times are compared below, with the time that was given.
            options={"require": list(REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as error:
        raise BadIdToken(_why(error)) from None
    _check_times(claims, now_s)
    # Of a token for several, the one that it was issued to.
    if claims.get("azp", expected.clients[0]) not in expected.clients:
        raise BadIdToken("it was issued to another client")
    if claims.get("nonce", "") != nonce:
        raise BadIdToken("it belongs to another sign-in")
    return _person(claims, expected.groups_claim)


def keys_of(jwks: Mapping[str, Any]) -> Keys:
    """Return the keys of a provider that can verify signatures, by id; raise BadIdToken."""
    found: Keys = {}
    try:
        for one in cast("list[dict[str, Any]]", jwks["keys"]):
            if one.get("use", "sig") != "sig" or one.get("kty") == "oct":
                continue
            try:
                key = jwt.PyJWK(one)
            except jwt.PyJWTError:
                continue  # of a kind that is not known here
            if key.algorithm_name in ALGORITHMS:
                found[str(one.get("kid", ""))] = key
    except (KeyError, TypeError, AttributeError):
        raise BadIdToken("the provider's keys cannot be read") from None
    return found


def _key_id(token: str, keys: Mapping[str, jwt.PyJWK]) -> str:
    if len(token) > CHARS_MAX:
        raise BadIdToken("it is too long")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise BadIdToken("it cannot be read") from None
    if header.get("alg") not in ALGORITHMS:
        raise BadIdToken("it is not signed with a key of the provider")
    key_id = str(header.get("kid", ""))
    if key_id not in keys:
        raise UnknownKey(key_id)
    return key_id


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in times):
        raise BadIdToken("its times are not numbers")
    ends_s, issued_s, begins_s = times
    if now_s >= ends_s + LEEWAY_S or now_s > issued_s + AGE_S_MAX:
        raise BadIdToken("it has expired")
    if max(issued_s, begins_s) > now_s + LEEWAY_S:
        raise BadIdToken("it is not valid yet: do the clocks agree?")


def _person(claims: Mapping[str, Any], groups_claim: str) -> Person:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= TEXT_CHARS_MAX or not subject.isprintable():
        raise BadIdToken("its subject is not a name")
    names = (claims.get(claim) for claim in ("name", "preferred_username", "email"))
    name = next((one for one in names if isinstance(one, str) and one), subject)
    given = claims.get(groups_claim, ())
    listed: Sequence[Any] = cast("Sequence[Any]", given) if isinstance(given, list | tuple) else ()
    groups = [one for one in listed if isinstance(one, str) and 0 < len(one) <= TEXT_CHARS_MAX and one.isprintable()]
    shown = "".join(char for char in name if char.isprintable())[:TEXT_CHARS_MAX]
    return Person(subject=subject, name=shown, groups=tuple(groups[:GROUPS_MAX]))


def _why(error: jwt.InvalidTokenError) -> str:
    match error:
        case jwt.InvalidAudienceError():
            return "it is for another client"
        case jwt.InvalidIssuerError():
            return "another provider has issued it"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case jwt.MissingRequiredClaimError():
            return f"it has no {error.claim}"
        case _:
            return "it cannot be read"
