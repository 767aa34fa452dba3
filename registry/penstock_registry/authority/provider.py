"""Sign-in by the identity provider of the deployment: its ID tokens become identities."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from penstock_access import id_tokens, provider
from penstock_access.errors import AccessError, UnknownKey
from penstock_access.id_tokens import BadIdToken, Expected, Keys
from penstock_access.provider import BadProvider, ProviderAway
from penstock_service.answers import Answer
from penstock_service.verifier import Unauthenticated

from .issuing import Identity

# An unknown key makes the keys be asked for, but not more often than this.
ASK_EVERY_S: Final = 5.0


class SignInFailed(Answer):
    """Nobody can sign in now."""

    status = "UNAVAILABLE"


class SignIn:
    """Verifies ID tokens. The provider's keys are kept: it is only asked for those that are unknown."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self._keys: Keys = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def identity(self, id_token: str, nonce: str) -> Identity:
        """Return who has signed in; raise Unauthenticated, SignInFailed."""
        try:
            try:
                person = self._verified(id_token, nonce)
            except UnknownKey:
                await self._ask()
                person = self._verified(id_token, nonce)
        except (BadIdToken, UnknownKey) as error:
            why = "the ID token is not signed with a key of the provider" if isinstance(error, UnknownKey) else error
            raise Unauthenticated(str(why)) from None
        except (ProviderAway, BadProvider) as error:
            raise SignInFailed(str(error)) from None
        return Identity(issuer=self.expected.issuer, subject=person.subject, name=person.name, groups=person.groups)

    def _verified(self, id_token: str, nonce: str) -> id_tokens.Person:
        return id_tokens.verify(id_token, self._keys, self.expected, nonce, time.time())

    async def _ask(self) -> None:
        async with self._asking:
            if time.monotonic() - self._asked_at < ASK_EVERY_S:
                return
            self._keys = await asyncio.to_thread(_keys, self.expected.issuer)
            self._asked_at = time.monotonic()


def _keys(issuer: str) -> Keys:
    try:
        return id_tokens.keys_of(provider.fetch(provider.describe(issuer).keys))
    except (ProviderAway, BadProvider):
        raise
    except AccessError as error:
        raise ProviderAway(issuer, str(error)) from None
