"""Tokens that somebody forged, stole from elsewhere or kept for too long are refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from penstock_access import keys, tokens
from penstock_access.errors import BadKeyFile, BadToken, UnknownKey
from penstock_access.principal import Kind, Principal, Role

NOW_S = 1_800_000_000.0
KEY, OTHER, SERVICE = (Ed25519PrivateKey.generate() for _ in range(3))
KNOWN = {"k1": KEY.public_key(), tokens.SERVICE_KEY_ID: SERVICE.public_key()}
ADA = Principal(
    kind=Kind.USER,
    subject="https://id|ada",
    name="ada",
    teams={"vision": Role.OPERATOR, "ads": Role.VIEWER},
    source="oidc",
    credential="c1",
    expires_s=NOW_S + 300,
)


def signed(principal: Principal = ADA, key: Ed25519PrivateKey = KEY, kid: str = "k1", aud: str = "here") -> str:
    return tokens.sign(principal, key, kid, aud, NOW_S)


def claims(**changed: Any) -> dict[str, Any]:
    return {**jwt.decode(signed(), options={"verify_signature": False}), **changed}


def encoded(payload: dict[str, Any], header: dict[str, Any], key: Any, algorithm: str | None) -> str:
    return jwt.encode(payload, key, algorithm, headers=header)


def segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def tampered(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{segment(claims(admin=True))}.{signature}"


def with_public_key_as_secret() -> str:
    """The classic confusion: the public key, which everybody has, taken for the secret of an HMAC."""
    head = segment({"alg": "HS256", "kid": "k1", "typ": "JWT"})
    import hashlib
    import hmac

    text = f"{head}.{segment(claims(admin=True))}"
    secret = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FORGED = {
    "no algorithm": f"{segment({'alg': 'none', 'kid': 'k1'})}.{segment(claims(admin=True))}.",
    "HMAC with the public key": with_public_key_as_secret(),
    "RSA under a known key's name": encoded(claims(), {"kid": "k1"}, RSA, "RS256"),
    "another key under a known name": signed(key=OTHER),
    "changed claims": tampered(signed()),
    "another deployment": signed(aud="elsewhere"),
    "expired": encoded(claims(exp=int(NOW_S) - 11), {"kid": "k1"}, KEY, "EdDSA"),
    "not valid yet": encoded(claims(nbf=int(NOW_S) + 60), {"kid": "k1"}, KEY, "EdDSA"),
    "another issuer": encoded(claims(iss="https://id"), {"kid": "k1"}, KEY, "EdDSA"),
    "never expires": encoded({k: v for k, v in claims().items() if k != "exp"}, {"kid": "k1"}, KEY, "EdDSA"),
    "expires as a text": encoded(claims(exp=str(2**39)), {"kid": "k1"}, KEY, "EdDSA"),
    "expires at infinity": encoded(claims(exp=float("inf")), {"kid": "k1"}, KEY, "EdDSA"),
    "no key id": encoded(claims(), {}, KEY, "EdDSA"),
    "a role that does not exist": encoded(claims(teams={"vision": "god"}), {"kid": "k1"}, KEY, "EdDSA"),
    "teams that are no teams": encoded(claims(teams=[1]), {"kid": "k1"}, KEY, "EdDSA"),
    "a service, by the authority's key": encoded(claims(kind="service"), {"kid": "k1"}, KEY, "EdDSA"),
    "a user, by the key of services": encoded(
        claims(aud=tokens.SERVICE_AUDIENCE), {"kid": tokens.SERVICE_KEY_ID}, SERVICE, "EdDSA"
    ),
    "a service, for a deployment": encoded(claims(kind="service"), {"kid": "service"}, SERVICE, "EdDSA"),
    "critical headers": encoded(claims(), {"kid": "k1", "crit": ["exp"]}, KEY, "EdDSA"),
    "empty": "",
    "three dots": "...",
    "not ASCII": "é.é.é",
    "long": "a" * 100_000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(BadToken) as refused:
        tokens.verify(token, KNOWN, "here", NOW_S)
    assert not token or token not in str(refused.value)


def test_a_token_says_who_it_is() -> None:
    assert tokens.verify(signed(), KNOWN, "here", NOW_S) == ADA


def test_an_unknown_key_is_told_apart_since_it_may_be_new() -> None:
    with pytest.raises(UnknownKey):
        tokens.verify(signed(key=OTHER, kid="k2"), KNOWN, "here", NOW_S)


def test_admin_is_only_what_is_true() -> None:
    almost = encoded(claims(admin="yes"), {"kid": "k1"}, KEY, "EdDSA")
    assert not tokens.verify(almost, KNOWN, "here", NOW_S).is_admin


def test_a_service_signs_for_itself() -> None:
    token = keys.service_token(SERVICE, "history", NOW_S)
    found = tokens.verify(token, KNOWN, "here", NOW_S)
    assert (found.kind, found.name, found.may_everything) == (Kind.SERVICE, "history", True)


def test_a_key_set_survives_the_way_and_never_brings_the_key_of_services() -> None:
    told = json.dumps(keys.jwks_of({"k1": KEY.public_key(), tokens.SERVICE_KEY_ID: OTHER.public_key()}))
    assert list(keys.keys_of(told)) == ["k1"]
    assert tokens.verify(signed(), keys.keys_of(told), "here", NOW_S) == ADA


def test_a_key_file_is_for_its_owner_only(tmp_path: Any) -> None:
    path = tmp_path / "service.key"
    keys.create_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    keys.read_file(path)
    with pytest.raises(BadKeyFile):
        keys.create_file(path)
    path.chmod(0o640)
    keys.read_file(path)
    for mode in (0o644, 0o660):
        path.chmod(mode)
        with pytest.raises(BadKeyFile, match="chmod 600"):
            keys.read_file(path)
    path.chmod(0o600)
    path.write_bytes(b"-----BEGIN NONSENSE-----")
    with pytest.raises(BadKeyFile, match="no Ed25519 key"):
        keys.read_file(path)
