"""Access tokens: for whoever shows an API token, or was identified by somebody that the deployment trusts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from penstock_access import keys as access_keys
from penstock_access.principal import DEPLOYMENT, Kind, Principal, Role
from penstock_access.tokens import ACCESS_S, TEAMS_MAX, WORKER_S, sign
from penstock_proto.access.v1 import service_pb2 as api
from penstock_service.database import Database, Row
from penstock_service.verifier import Unauthenticated

from . import store
from .audit import Audit

API_TOKEN: Final = re.compile(r"pst_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
SECRET_BYTES: Final = 32
# Keys are read again after this time: another authority may have changed them.
KEYS_FOR_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom an identity provider vouches for.

    Attributes:
        groups: Of the provider: roles of "group|NAME" hold for their members.
    """

    issuer: str
    subject: str
    name: str = ""
    groups: Sequence[str] = ()
    source: str = "oidc"

    @property
    def key(self) -> str:
        return f"{self.issuer}|{self.subject}"


class Issuer:
    """Signs access tokens.

    Args:
        deployment: Returns the id of the deployment, which the tokens are for.
    """

    def __init__(self, database: Database, audit: Audit, deployment: Callable[[], Awaitable[str]]) -> None:
        self._database, self._audit, self._deployment = database, audit, deployment
        self._keys: list[tuple[str, Ed25519PrivateKey]] = []
        # Unix time in microseconds at which the key was made that signs; 0: not known yet.
        self.signing_since_us = 0
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def exchange(self, identity: Identity) -> tuple[str, int]:
        """Return the access token of somebody who has signed in, and how many seconds it lasts."""
        subjects = [identity.key, *(f"group|{group}" for group in identity.groups)]
        principal = await self._with_roles(identity.key, subjects, identity.name, identity.source, uuid.uuid4().hex)
        await self._note_sign_in(principal.subject, principal.source, principal.credential)
        return await self._sign(principal, ACCESS_S)

    async def exchange_api_token(self, token: str) -> tuple[str, int]:
        """Return the access token of an API token, and how many seconds it lasts; raise Unauthenticated."""
        parts = API_TOKEN.fullmatch(token)
        row: Row = await store.token(self._database, parts[1]) if parts else None
        if row is None or not hmac.compare_digest(row["hash"], hashlib.sha256(token.encode()).digest()):
            raise await self._refuse("an unknown API token")
        if not row["is_valid"]:
            raise await self._refuse(f"API token {row['id']} is revoked or has expired", row["subject"], row["id"])
        await store.note_use(self._database, row["id"])
        left_s = int(row["expires_us"] / 1e6 - time.time())
        if row["pool"]:
            principal = Principal(
                kind=Kind.WORKER, subject=row["subject"], name=row["name"], pool=row["pool"], source="worker",
                credential=row["id"],
            )  # fmt: skip
            return await self._sign(principal, min(WORKER_S, left_s))
        is_session = row["source"] != "api_token"
        name = row["name"] if is_session else row["subject"].rpartition("|")[2]
        subjects = [row["subject"], *(f"group|{group}" for group in row["groups"])]
        principal = await self._with_roles(row["subject"], subjects, name, row["source"], row["id"])
        return await self._sign(limited(principal, row["teams"], Role(row["role"])), min(ACCESS_S, left_s))

    async def begin_session(self, identity: Identity, lasts_s: int) -> tuple[str, Row]:
        """Return the token of a new session and its row."""
        token_id, token, digest = new_api_token()
        row = await store.begin_session(
            self._database, token_id, digest, identity.key, identity.name, identity.groups, lasts_s
        )
        await self._note_sign_in(identity.key, identity.source, token_id)
        return token, row

    async def jwks(self) -> str:
        """Return the public keys as a JSON Web Key Set."""
        found = await self._current()
        return json.dumps(access_keys.jwks_of({key_id: key.public_key() for key_id, key in found}))

    async def rotate(self) -> str:
        """Sign with a new key from now on; return its id."""
        key_id = secrets.token_hex(8)
        await store.add_key(self._database, key_id, access_keys.pem_of(Ed25519PrivateKey.generate()))
        self._read_at = float("-inf")
        return key_id

    async def deployment_id(self) -> str:
        return await self._deployment()

    async def _with_roles(
        self, subject: str, subjects: Sequence[str], name: str, source: str, credential: str
    ) -> Principal:
        roles = await store.roles(self._database, subjects)
        is_admin = roles.pop(DEPLOYMENT, Role.NONE) is Role.ADMIN
        teams = dict(sorted(roles.items())[:TEAMS_MAX])
        return Principal(
            kind=Kind.USER, subject=subject, name=name, teams=teams, is_admin=is_admin, source=source,
            credential=credential,
        )  # fmt: skip

    async def _sign(self, principal: Principal, lasts_s: int) -> tuple[str, int]:
        key_id, key = (await self._current())[0]
        now_s = time.time()
        token = sign(replace(principal, expires_s=now_s + lasts_s), key, key_id, await self._deployment(), now_s)
        return token, lasts_s

    async def _current(self) -> list[tuple[str, Ed25519PrivateKey]]:
        async with self._reading:
            if time.monotonic() - self._read_at > KEYS_FOR_S:
                rows = await store.keys(self._database)
                if not rows:
                    pem = access_keys.pem_of(Ed25519PrivateKey.generate())
                    await store.add_key(self._database, secrets.token_hex(8), pem, first=True)
                    rows = await store.keys(self._database)
                self.signing_since_us = rows[0]["created_us"]
                self._keys = [(row["id"], access_keys.key_of(row["pem"])) for row in rows]
                self._read_at = time.monotonic()
            return self._keys

    async def _note_sign_in(self, subject: str, source: str, credential: str) -> None:
        entry = api.AuditEntry(
            at_us=int(time.time() * 1e6), what="signed_in", subject=subject, credential=credential,
            service="penstock-registry", action=source,
        )  # fmt: skip
        await self._audit.append([entry])

    async def _refuse(self, why: str, subject: str = "", credential: str = "") -> Unauthenticated:
        entry = api.AuditEntry(
            at_us=int(time.time() * 1e6), what="denied", subject=subject, credential=credential,
            service="penstock-registry", action="AuthorityService/Exchange", detail=why,
        )  # fmt: skip
        await self._audit.append([entry])
        return Unauthenticated("the API token is unknown, revoked, or has expired")


def limited(principal: Principal, teams: Sequence[str], role: Role) -> Principal:
    """Return a principal with no more rights than a token has: only some teams, at most a role."""
    if not teams and role is Role.NONE:
        return principal
    most = role or Role.ADMIN
    # An admin of the deployment has every role in the teams that the token names.
    held = dict.fromkeys(teams, Role.ADMIN) if principal.is_admin and teams else principal.teams
    kept = {team: min(has, most) for team, has in held.items() if not teams or team in teams}
    return replace(principal, teams=kept, is_admin=False)


def new_api_token() -> tuple[str, str, bytes]:
    """Return the id of a new token, the token, and its SHA-256."""
    token_id = secrets.token_hex(8)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).rstrip(b"=").decode()
    token = f"pst_{token_id}_{secret}"
    return token_id, token, hashlib.sha256(token.encode()).digest()
