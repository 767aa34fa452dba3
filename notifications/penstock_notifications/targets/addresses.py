"""Connections only to addresses that may be called: every address of a name is checked, and a checked one is dialled.

The name is resolved once, so that an answer that changes (DNS rebinding) changes nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import httpcore

from ..errors import NotDelivered, Undeliverable
from ..settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# From a host's name and port to its addresses.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Not told by the class of the address: what clouds keep for their own metadata services.
CLOUDS: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "168.63.129.16/32")))
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
DIALLED_MAX: Final = 3


def is_public(address: Address) -> bool:
    """Return whether an address is public; an IPv6 address that stands for an IPv4 one is judged as that."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.scope_id is not None:
            return False
    if any(address in network for network in CLOUDS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def choose(host: str, found: Iterable[str], networks: Sequence[Network], *, is_encrypted: bool) -> list[str]:
    """Return the addresses to dial; raise Undeliverable if any of them may not be called."""
    chosen: list[str] = []
    for text in found:
        address = ipaddress.ip_address(text)
        plain = (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
        is_named = any(plain in network for network in networks if network.version == plain.version)
        if not is_named and not is_public(address):
            raise Undeliverable(
                f"{host} is the address {text}, which is not public; PENSTOCK_NOTIFY_NETWORKS names networks to allow"
            )
        if not is_named and not is_encrypted:
            raise Undeliverable(f"http:// is not encrypted; use https:// for {host}")
        chosen.append(text)
    if not chosen:
        raise NotDelivered(f"{host} has no address")
    return chosen[:DIALLED_MAX]


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Dials for an HTTP client. Host header and SNI keep the name; only the connection goes to a checked address."""

    def __init__(self, networks: Sequence[Network], resolve: Resolve, *, is_encrypted: bool) -> None:
        self._networks, self._resolve, self._is_encrypted = networks, resolve, is_encrypted
        self._dial: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore calls it so)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise NotDelivered(f"{host} cannot be resolved: {error.strerror or error}") from None
        trouble: Exception | None = None
        for address in choose(host, found, self._networks, is_encrypted=self._is_encrypted):
            try:
                return await self._dial.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        assert trouble is not None
        raise trouble

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Undeliverable("a webhook does not go to a file")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
