"""Asks how callers are verified, how long certificates last, and whether the gateway answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Final

from penstock_access import provider
from penstock_access.errors import AccessError
from penstock_proto.access.v1 import service_pb2 as api
from penstock_proto.tls import Tls

from ..client import access
from ..client.access import AccessOff
from ..client.connection import Connection
from ..client.errors import ClientError
from .facts import Access, Gateway

HTTP_MAX_S: Final = 4.0


async def ask_access(connection: Connection, within_s: float) -> Access:
    """Return how callers are verified, as the authority says."""
    try:
        async with asyncio.timeout(within_s):
            asked_s = time.time()
            keys: api.KeysResponse = await access.call(connection, "Keys", api.KeysRequest())
            answered_s = time.time()
            known: api.ProviderResponse = await access.call(connection, "Provider", api.ProviderRequest())
    except AccessOff:
        return Access(is_on=False)
    except TimeoutError:
        return Access(is_on=True, trouble=f"no response in {within_s:.0f} s")
    except ClientError as error:
        return Access(is_on=True, trouble=str(error))
    its_s = keys.now_us / 1e6
    return Access(
        is_on=True,
        key_age_s=its_s - keys.signing_since_us / 1e6,
        # It read its clock between the question and the answer.
        ahead_s=max(0.0, its_s - answered_s) or min(0.0, its_s - asked_s),
        provider=known.issuer,
        provider_trouble=await asyncio.to_thread(_provider_trouble, known.issuer) if known.issuer else "",
    )


def _provider_trouble(issuer: str) -> str:
    try:
        provider.describe(issuer)
    except AccessError as error:
        return str(error)
    return ""


async def certificates_left_s(addresses: Sequence[str], files: Tls) -> dict[str, float]:
    """Return for how many seconds the certificates at these addresses are valid; without those that are silent."""
    if not files.ca:
        return {}
    found = await asyncio.gather(*(asyncio.to_thread(_certificate_left_s, one, files) for one in addresses))
    return {address: left_s for address, left_s in zip(addresses, found, strict=True) if left_s is not None}


def _certificate_left_s(address: str, files: Tls) -> float | None:
    context = ssl.create_default_context(cafile=files.ca)
    context.check_hostname = False  # whether the name is right, calls find out
    host, _, port = address.rpartition(":")
    try:
        if files.certificate:
            context.load_cert_chain(files.certificate, files.key)
        with (
            socket.create_connection((host.strip("[]"), int(port)), HTTP_MAX_S) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            ends = (encrypted.getpeercert() or {}).get("notAfter")
    except (OSError, ValueError):
        return None
    return ssl.cert_time_to_seconds(ends) - time.time() if isinstance(ends, str) else None


async def ask_gateway(url: str, ca: str) -> Gateway:
    """Return whether the REST API at a URL is healthy."""
    return Gateway(url, await asyncio.to_thread(_gateway_trouble, url, ca))


def _gateway_trouble(url: str, ca: str) -> str:
    if not url.startswith(("http://", "https://")):
        return "its URL does not start with http:// or https://"
    context = ssl.create_default_context(cafile=ca or None) if url.startswith("https://") else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{url.rstrip('/')}/v1/health", timeout=HTTP_MAX_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answers {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
