"""gRPC channels, encrypted if this process uses TLS; they go on with new certificates once those are renewed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import grpc
import grpc.aio  # pyright: ignore[reportUnusedImport] # makes `grpc.aio` be there

from .tls import Renewal, Tls, channel_credentials, chosen

LOOK_EVERY_S: Final = 1.0
# Of channels with former certificates, whose calls go on. The oldest is closed, and what it carries begins again.
RETIRED_MAX: Final = 2

Options = Sequence[tuple[str, int | str]]
_grpc = cast(Any, grpc)  # has no type information of its own


def open_channel(address: str, options: Options, tls: Tls | None = None) -> Any:
    """Open a channel for asyncio; raise TlsError. Without `tls`, it is what this process uses."""
    tls = chosen() if tls is None else tls
    if not tls.is_used:
        return _grpc.aio.insecure_channel(address, options=options)
    return _AsyncRenewed(tls, lambda credentials: _grpc.aio.secure_channel(address, credentials, options=options))


def open_blocking_channel(address: str, options: Options, tls: Tls | None = None) -> Any:
    """Open a channel for threads, as `open_channel` does."""
    tls = chosen() if tls is None else tls
    if not tls.is_used:
        return _grpc.insecure_channel(address, options=options)
    return _Renewed(tls, lambda credentials: _grpc.secure_channel(address, credentials, options=options))


class _Renewed:
    """A channel that is replaced when the files are: gRPC itself never reads them again."""

    def __init__(self, tls: Tls, connect: Callable[[Any], Any]) -> None:
        self._renewal, self._connect = Renewal(tls), connect
        self._looked = time.monotonic()
        self._channel = connect(channel_credentials(self._renewal.pems))
        self._retired: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def current(self) -> Any:
        """Return the channel for a new call."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY_S:
            self._looked = now
            if self._renewal.has_new():
                self._retired.append(self._channel)
                while len(self._retired) > RETIRED_MAX:
                    self._end(self._retired.pop(0))
                self._channel = self._connect(channel_credentials(self._renewal.pems))
        return self._channel

    def close(self) -> Any:
        for channel in (*self._retired, self._channel):
            channel.close()

    def _end(self, channel: Any) -> None:
        channel.close()

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        return _Method(self, "unary_unary", arguments, named)

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        return _Method(self, "unary_stream", arguments, named)

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        return _Method(self, "stream_unary", arguments, named)

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        return _Method(self, "stream_stream", arguments, named)


class _AsyncRenewed(_Renewed):
    def __init__(self, tls: Tls, connect: Callable[[Any], Any]) -> None:
        super().__init__(tls, connect)
        self._ending: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await asyncio.gather(*self._ending, *(one.close(grace) for one in (*self._retired, self._channel)))

    def _end(self, channel: Any) -> None:
        task = asyncio.ensure_future(channel.close(None))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Method:
    """A method of a stub, on whatever channel is current."""

    def __init__(self, owner: _Renewed, kind: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._owner, self._kind, self._arguments, self._named = owner, kind, arguments, named
        self._channel: Any = None
        self._method: Any = None

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._current()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)

    def _current(self) -> Any:
        channel = self._owner.current()
        if channel is not self._channel:
            self._channel = channel
            self._method = getattr(channel, self._kind)(*self._arguments, **self._named)
        return self._method
