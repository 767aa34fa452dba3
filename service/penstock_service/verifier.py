"""Verifies access tokens without asking anybody: with the authority's public keys, which are fetched once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc.aio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from penstock_access import keys as access_keys
from penstock_access import tokens
from penstock_access.errors import AccessError, BadToken, UnknownKey
from penstock_access.principal import Principal
from penstock_access.tokens import SERVICE_KEY_ID
from penstock_observability import metrics
from penstock_proto.access.v1 import service_pb2, service_pb2_grpc

from . import channels
from .answers import Answer

CACHED_MAX: Final = 10_000
# A key that nobody knows makes the keys be asked for, but not more often than this.
ASK_EVERY_S: Final = 0.5
ASKED_MAX: Final = 2
ASK_TIMEOUT_S: Final = 5.0

# Both, so that the counters are there before the first token.
_ACCEPTED: Final = metrics.ACCESS_VERIFIED.labels("accepted")
_REFUSED: Final = metrics.ACCESS_VERIFIED.labels("refused")

log = logging.getLogger(__name__)

# Return a key set and the id of the deployment.
Fetch = Callable[[], Awaitable[tuple[str, str]]]


class Unauthenticated(Answer):
    """Who calls is not known."""

    status = "UNAUTHENTICATED"


class AuthorityAway(Answer):
    """The keys by which a token could be verified are not known, and nobody says which they are."""

    status = "UNAVAILABLE"

    def __init__(self, why: str) -> None:
        super().__init__(f"access tokens cannot be verified, the authority does not respond: {why}")


class Verifier:
    """Tokens become principals. Each token is verified once, and remembered until it expires."""

    def __init__(self, service_key: Ed25519PublicKey, fetch: Fetch) -> None:
        self._fetch = fetch
        self._keys: dict[str, Ed25519PublicKey] = {SERVICE_KEY_ID: service_key}
        self._audience = ""
        self._verified: OrderedDict[str, Principal] = OrderedDict()
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def principal(self, token: str) -> Principal:
        """Return whose token it is; raise Unauthenticated, AuthorityAway."""
        now_s = time.time()
        found = self._verified.get(token)
        if found is not None and now_s < found.expires_s:
            return found
        try:
            try:
                found = tokens.verify(token, self._keys, self._audience, now_s)
            except UnknownKey as unknown:
                await self._learn(unknown.key_id)
                found = tokens.verify(token, self._keys, self._audience, now_s)
        except BadToken as error:
            _REFUSED.inc()
            self._verified.pop(token, None)
            raise Unauthenticated(f"the access token is not valid: {error}") from None
        _ACCEPTED.inc()
        self._verified[token] = found
        if len(self._verified) > CACHED_MAX:
            self._verified.popitem(last=False)
        return found

    async def _learn(self, key_id: str) -> None:
        """Ask the authority for its keys, together with all who wait for one; raise AuthorityAway if none is known."""
        for _ in range(ASKED_MAX):  # a question that is under way may be older than the key
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask(), name="keys")
            await asyncio.shield(self._asking)
            if key_id in self._keys:
                return

    async def _ask(self) -> None:
        await asyncio.sleep(self._asked_at + ASK_EVERY_S - time.monotonic())
        self._asked_at = time.monotonic()
        try:
            jwks, audience = await self._fetch()
            learned = access_keys.keys_of(jwks)
        except (grpc.aio.AioRpcError, AccessError) as error:
            why = error.details() if isinstance(error, grpc.aio.AioRpcError) else str(error)
            log.warning("the authority does not say which keys it signs with: %s", why)
            if not self._audience:
                raise AuthorityAway(why or "unknown") from None
            return
        self._keys = {SERVICE_KEY_ID: self._keys[SERVICE_KEY_ID], **learned}
        self._audience = audience


def fetch_from(authority: str) -> Fetch:
    """Return what asks the authority at an address."""

    async def fetch() -> tuple[str, str]:
        async with channels.open_channel(authority) as channel:
            stub: Any = service_pb2_grpc.AuthorityServiceStub(channel)
            answer = await stub.Keys(service_pb2.KeysRequest(), timeout=ASK_TIMEOUT_S)
        return answer.jwks_json, answer.deployment_id

    return fetch
