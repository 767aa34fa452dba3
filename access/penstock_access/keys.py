"""Keys: the one that the services of a deployment share, in a file, and the public ones as a JSON Web Key Set."""

from __future__ import annotations

import base64
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from .errors import AccessError, BadKeyFile
from .principal import Kind, Principal
from .tokens import SERVICE_AUDIENCE, SERVICE_KEY_ID, SERVICE_S, sign

FILE_BYTES_MAX: Final = 10_000
# A group may read it: containers get their files so.
OTHERS: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
# A token of a service is used for so long, and a new one is signed then.
SIGN_AGAIN_S: Final = SERVICE_S / 2


def pem_of(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_of(pem: bytes) -> Ed25519PrivateKey:
    """Return the private key; raise ValueError."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is not an Ed25519 key")
    return key


def create_file(path: Path) -> None:
    """Write a new key that only its owner can read; raise BadKeyFile if the file exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadKeyFile(f"cannot create {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem_of(Ed25519PrivateKey.generate()))
        file.flush()
        os.fsync(file.fileno())


def read_file(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file; raise BadKeyFile."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & OTHERS:
                raise BadKeyFile(f"others can read the key in {path}: run `chmod 600 {path}`")
            return key_of(file.read(FILE_BYTES_MAX))
    except OSError as error:
        raise BadKeyFile(f"cannot read the key in {path}: {error.strerror}") from None
    except ValueError:
        raise BadKeyFile(f"{path} holds no Ed25519 key in PEM: make one by `python -m penstock_access key`") from None


def jwks_of(keys: Mapping[str, Ed25519PublicKey]) -> dict[str, Any]:
    """Return public keys as others read them, RFC 8037."""
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": _text(key)}
            for kid, key in keys.items()
        ]
    }


def keys_of(jwks_json: str) -> dict[str, Ed25519PublicKey]:
    """Return the Ed25519 keys of a key set; raise AccessError. A key set never brings the key of services."""
    found: dict[str, Ed25519PublicKey] = {}
    try:
        for one in cast("list[dict[str, Any]]", json.loads(jwks_json)["keys"]):
            if one.get("kty") == "OKP" and one.get("crv") == "Ed25519" and one["kid"] != SERVICE_KEY_ID:
                x = base64.urlsafe_b64decode(one["x"] + "=" * (-len(one["x"]) % 4))
                found[str(one["kid"])] = Ed25519PublicKey.from_public_bytes(x)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AccessError("the authority's answer is not a key set") from None
    return found


def _text(key: Ed25519PublicKey) -> str:
    return base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()


def service_token(key: Ed25519PrivateKey, name: str, now_s: float) -> str:
    """Return a token by which a process shows that it is a service of the deployment."""
    principal = Principal(
        kind=Kind.SERVICE, subject=f"service|{name}", name=name, source="service", expires_s=now_s + SERVICE_S
    )
    return sign(principal, key, SERVICE_KEY_ID, SERVICE_AUDIENCE, now_s)


class ServiceTokens:
    """The tokens of one service, signed when they are needed."""

    def __init__(self, key: Ed25519PrivateKey, name: str) -> None:
        self._key, self._name = key, name
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        now = time.time()
        if not self._until - SERVICE_S < now < self._until:
            self._token, self._until = service_token(self._key, self._name, now), now + SIGN_AGAIN_S
        return self._token
