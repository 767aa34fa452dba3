"""Access control of one process, put together from its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

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
    """What a process needs where access control is on. Channels that it opens after this carry its token."""

    def __init__(self, settings: ServiceSettings) -> None:
        assert settings.service_key_file is not None, "the settings require it"
        try:
            key = keys.read_file(settings.service_key_file.expanduser())
        except BadKeyFile as error:
            raise ServiceError(str(error)) from None
        self._denials = Denials(settings.authority, settings.service)
        self._verifier = Verifier(key.public_key(), fetch_from(settings.authority))
        self.token = ServiceTokens(key, settings.instance)
        channels.use_credential(self.token)

    def guard(self, teams: Mapping[Of, TeamOf]) -> Guard:
        """Return what a server of this process asks about every call, and begin to send what it refuses."""
        self._denials.start()
        return Guard(self._verifier, self._denials, teams)

    async def stop(self) -> None:
        await self._denials.stop()


def of(settings: ServiceSettings, stop: Callable[[Callable[[], Awaitable[object]]], None]) -> Access | None:
    """Return the access control of a process, None if it is off. Raises ServiceError."""
    if not settings.access:
        return None
    access = Access(settings)
    stop(access.stop)
    return access
