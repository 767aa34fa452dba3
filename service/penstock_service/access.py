"""Access control of one process, put together from its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from penstock_access import keys
from penstock_access.errors import BadKeyFile
from penstock_access.keys import ServiceTokens
from penstock_access.rules import Of

from . import channels
from .denials import Denials
from .errors import ServiceError
from .guard import Guard, TeamOf
from .settings import ServiceSettings
from .verifier import Verifier, fetch_from


class Access:
    """What a process needs where access control is on. Channels that it opens until `stop` carry its token.

    Args:
        key: That all services of the deployment share.
        authority: HOST:PORT of the registry.
        service, instance: By which the audit and other services know this process.
    """

    def __init__(self, key: Ed25519PrivateKey, authority: str, service: str, instance: str) -> None:
        self._denials = Denials(authority, service)
        self._verifier = Verifier(key.public_key(), fetch_from(authority))
        self.token = ServiceTokens(key, instance)
        channels.use_credential(self.token)

    def guard(self, teams: Mapping[Of, TeamOf], *, with_certificates: bool = False) -> Guard:
        """Return what a server of this process asks about every call, and begin to send what it refuses."""
        self._denials.start()
        return Guard(self._verifier, self._denials, teams, with_certificates=with_certificates)

    async def stop(self) -> None:
        await self._denials.stop()
        channels.use_credential(None)


def of(settings: ServiceSettings, stop: Callable[[Callable[[], Awaitable[object]]], None]) -> Access | None:
    """Return the access control of a process, None if it is off. Raises ServiceError."""
    if not settings.access:
        return None
    assert settings.service_key_file is not None, "the settings require it"
    try:
        key = keys.read_file(settings.service_key_file.expanduser())
    except BadKeyFile as error:
        raise ServiceError(str(error)) from None
    access = Access(key, settings.authority, settings.service, settings.instance)
    stop(access.stop)
    return access
