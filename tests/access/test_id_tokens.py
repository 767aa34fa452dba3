"""ID tokens that are not accepted: each differs in one thing from one that is."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from penstock_access import id_tokens
from penstock_access.errors import UnknownKey
from penstock_access.id_tokens import BadIdToken, Expected
from penstock_access.provider import BadProvider, check_issuer

NOW = 1_800_000_000
ISSUER = "https://id.example.org"
EXPECTED = Expected(issuer=ISSUER, clients=("gateway", "cli"))
KEY = rsa.generate_private_key(65_537, 2_048)
OTHER = rsa.generate_private_key(65_537, 2_048)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER, "sub": "ada", "aud": "gateway", "iat": NOW, "exp": NOW + 600, "nonce": "n", "name": "Ada",
    "groups": ["search", 7, ""],
}  # fmt: skip


def jwk(key: Any, key_id: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}


KEYS = id_tokens.keys_of({"keys": [jwk(KEY, "k"), {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}, {"kty": "new"}]})


def token(key: Any = KEY, algorithm: str = "RS256", key_id: str = "k", **changed: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": key_id})


def verified(text: str, nonce: str = "n") -> id_tokens.Person:
    return id_tokens.verify(text, KEYS, EXPECTED, nonce, NOW)


def test_a_person_signs_in() -> None:
    assert verified(token()) == id_tokens.Person(subject="ada", name="Ada", groups=("search",))
    assert verified(token(aud=["other", "cli"], azp="cli", nonce=None), "").subject == "ada"
    assert verified(token(name=None, preferred_username="ada\n\x1b[2J")).name == "ada[2J"
    assert set(KEYS) == {"k"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"iss": "https://id.example.org/"}, "another provider has issued it"),
        ({"iss": None}, "it has no iss"),
        ({"aud": "another"}, "it is for another client"),
        ({"aud": ["gateway", "another"], "azp": "another"}, "it was issued to another client"),
        ({"exp": NOW - 60}, "it has expired"),
        ({"iat": NOW - 601, "exp": NOW + 9_000}, "it has expired"),
        ({"iat": NOW + 60}, "it is not valid yet"),
        ({"nbf": NOW + 60}, "it is not valid yet"),
        ({"exp": None}, "it has no exp"),
        ({"nonce": "other"}, "it belongs to another sign-in"),
        ({"nonce": None}, "it belongs to another sign-in"),
        ({"sub": ""}, "its subject is not a name"),
        ({"sub": "a\nb"}, "its subject is not a name"),
        ({"sub": "a" * 201}, "its subject is not a name"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadIdToken, match=said):
        verified(token(**changed))


def test_a_token_of_a_browser_does_not_sign_in_a_command_line() -> None:
    with pytest.raises(BadIdToken, match="belongs to another sign-in"):
        verified(token(), "")


def test_a_forged_signature_is_refused() -> None:
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k"}').rstrip(b"=").decode()
    body = token().split(".")[1]
    signed = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    mac = base64.urlsafe_b64encode(signed.sign(f"{head}.{body}".encode(), public)).rstrip(b"=").decode()
    none = jwt.encode(CLAIMS, None, "none", headers={"kid": "k"})
    for text in (f"{head}.{body}.{mac}", none, "a.b.c", "", "x" * 40_000, token().rpartition(".")[0] + "."):
        with pytest.raises(BadIdToken):
            verified(text)
    with pytest.raises(BadIdToken, match="its signature is wrong"):
        verified(token(OTHER))
    with pytest.raises(BadIdToken):  # an algorithm that the key is not for
        verified(token(ec.generate_private_key(ec.SECP256R1()), "ES256"))
    with pytest.raises(UnknownKey):
        verified(token(key_id="new"))


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example.org", "https://", "ftp://id.example.org", "https://a@id.example.org", "https://id/?x=1",
        "id", "file:///etc/passwd", "https://id/#part",
    ],
)  # fmt: skip
def test_a_provider_that_others_could_imitate_is_refused(issuer: str) -> None:
    with pytest.raises(BadProvider):
        check_issuer(issuer)
    assert check_issuer("http://127.0.0.1:9/realm") == "http://127.0.0.1:9/realm"
