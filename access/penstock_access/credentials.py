"""The token that a client sends with its calls: attached to channels, renewed before it expires."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

HEADER: Final = "authorization"
SCHEME: Final = "Bearer "
API_TOKEN: Final = "pst_"
# A token is renewed when this share of its life is over.
RENEW_AFTER: Final = 0.6

# Gives the token of a call; empty: none.
Header = Callable[[], str]
# Returns an access token and how long it lasts, in seconds.
Exchange = Callable[[str], Awaitable[tuple[str, float]]]


class Credential:
    """A token as it was given: an access token, or an API token that is exchanged for one again and again."""

    def __init__(self, token: str = "") -> None:
        # As it was handed over; it is a secret.
        self.given = token.strip()
        self._token = "" if self.is_exchanged else self.given
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def is_given(self) -> bool:
        """Whether there is a token at all."""
        return bool(self.given)

    @property
    def is_exchanged(self) -> bool:
        return self.given.startswith(API_TOKEN)

    @property
    def is_due(self) -> bool:
        """Whether it has to be renewed before the next call."""
        return self.is_exchanged and time.monotonic() >= self._renew_at

    def __call__(self) -> str:
        return self._token

    async def renew(self, exchange: Exchange) -> None:
        """Exchange it if that is due; raises what `exchange` raises."""
        async with self._lock:
            if self.is_due:
                self._token, lasts_s = await exchange(self.given)
                self._renew_at = time.monotonic() + lasts_s * RENEW_AFTER

    def expire(self) -> None:
        """Renew it before the next call: a service says that it has expired."""
        self._renew_at = 0.0


class Channel:
    """A gRPC channel, of either kind, whose calls carry a token."""

    def __init__(self, channel: Any, header: Header) -> None:
        self._channel, self._header = channel, header

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def unary_unary(self, *given: Any, **more: Any) -> Any:
        return self._carrying(self._channel.unary_unary(*given, **more))

    def unary_stream(self, *given: Any, **more: Any) -> Any:
        return self._carrying(self._channel.unary_stream(*given, **more))

    def stream_unary(self, *given: Any, **more: Any) -> Any:
        return self._carrying(self._channel.stream_unary(*given, **more))

    def stream_stream(self, *given: Any, **more: Any) -> Any:
        return self._carrying(self._channel.stream_stream(*given, **more))

    async def __aenter__(self) -> Any:
        await self._channel.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._channel.__aexit__(*error)

    def __enter__(self) -> Any:
        self._channel.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._channel.__exit__(*error)

    def _carrying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        header = self._header

        def carry(*given: Any, metadata: Any = None, **more: Any) -> Any:
            if token := header():
                metadata = (*(metadata or ()), (HEADER, SCHEME + token))
            return call(*given, metadata=metadata, **more)

        return carry


def token_id(api_token: str) -> str:
    """Return the part of an API token that is not secret; empty if it is none."""
    parts = api_token.split("_")
    return parts[1] if api_token.startswith(API_TOKEN) and len(parts) > 2 else ""


def bearer(value: Any) -> str:
    """Return the token of an authorization header; empty if it has none."""
    text = value if isinstance(value, str) else cast(bytes, value or b"").decode("latin-1")
    return text[len(SCHEME) :].strip() if text[: len(SCHEME)].lower() == SCHEME.lower() else ""
