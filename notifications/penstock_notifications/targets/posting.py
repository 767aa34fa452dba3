"""One POST: no redirect is followed, no proxy is used, and little of the answer is read."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from ..errors import NotDelivered, Undeliverable
from ..settings import Network
from .addresses import CheckedNetwork, Resolve

ANSWER_BYTES_MAX: Final = 64 * 1024
GONE: Final = 410


class Refusal(NotDelivered):
    """The receiver answered, but not that it has the message. `wait_s`: when it wants to be asked again."""

    def __init__(self, text: str, wait_s: float) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Poster:
    """Posts to the addresses that may be called."""

    def __init__(self, networks: Sequence[Network], resolve: Resolve, timeout_s: float) -> None:
        self._networks, self._resolve, self._timeout_s = networks, resolve, timeout_s
        self._ssl = ssl.create_default_context()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Return once the receiver has said that it has the body; raise NotDelivered. No text quotes the URL."""
        parts = urlsplit(url)
        network = CheckedNetwork(self._networks, self._resolve, is_encrypted=parts.scheme == "https")
        every: Any = {
            "Content-Type": "application/json",
            "User-Agent": "penstock-notifications",
            "Connection": "close",
            **headers,
        }
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                httpcore.AsyncConnectionPool(ssl_context=self._ssl, network_backend=network) as pool,
                pool.stream("POST", url, headers=every, content=body) as answer,
            ):
                size = 0
                async for chunk in answer.aiter_stream():
                    size += len(chunk)
                    if size > ANSWER_BYTES_MAX:
                        break
                status, given = answer.status, dict(answer.headers)
        except NotDelivered:
            raise
        except TimeoutError:
            raise NotDelivered(f"{parts.hostname} did not answer within {self._timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            said = str(error) or type(error).__name__
            raise NotDelivered(f"{parts.hostname} cannot be reached: {said[:200]}") from None
        if 200 <= status < 300:
            return
        text = f"{parts.hostname} answered with status {status}"
        if status == GONE:
            raise Undeliverable(f"{text}: it wants no more messages")
        if 300 <= status < 400:
            raise Refusal(f"{text}; redirects are not followed", 0.0)
        raise Refusal(text, _seconds(given.get(b"retry-after") or given.get(b"Retry-After") or b""))


def _seconds(given: bytes) -> float:
    text = given.decode("ascii", "replace").strip()
    return float(text) if text.isdecimal() and len(text) <= 6 else 0.0
