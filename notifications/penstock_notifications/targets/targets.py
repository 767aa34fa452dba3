"""One message to one channel."""

import asyncio
import json
import logging
import os
import time
from importlib import import_module
from typing import Any, Final

from penstock_plan import secrets
from penstock_proto.notifications.v1 import service_pb2 as api

from ..core import checks, messages
from ..errors import BadRequest, NotDelivered
from ..settings import Sending
from . import mail, signature
from .addresses import Resolve, resolve
from .posting import Poster

SLACK_TEXT_CHARS_MAX: Final = 3_000


class Targets:
    """Sends to every kind of channel.

    Args:
        resolve: From the name of a host to its addresses.
    """

    def __init__(self, settings: Sending, resolve: Resolve = resolve) -> None:
        self._settings = settings
        self._poster = Poster(settings.notify_networks, resolve, settings.notify_timeout_s)

    async def send(self, channel: api.Channel, identity: str, body: bytes) -> None:
        """Return once the receiver has the message; raise NotDelivered, whose text has no secret."""
        match channel.WhichOneof("target"):
            case "webhook":
                name = channel.webhook.secret
                key = signature.key_of(self._secret(name), name) if name else None
                headers = signature.headers(identity, int(time.time()), body, key)
                await self._poster.post(channel.webhook.url, body, headers)
            case "slack":
                await self._slack(channel.slack.url_secret, body)
            case "email":
                await mail.send(identity, body, list(channel.email.to), self._settings, self._secret)
            case "apprise":
                await self._apprise(channel.apprise.url_secret, body)
            case _:
                raise NotDelivered(f"the channel {channel.name} has a target that this version does not know")

    def _secret(self, name: str) -> str:
        try:
            return secrets.read(name, os.environ, self._settings.secrets_folder)
        except secrets.SecretError as error:
            raise NotDelivered(str(error)) from None

    async def _slack(self, name: str, body: bytes) -> None:
        url = self._secret(name)
        try:
            checks.check_url(url)
        except BadRequest as error:
            raise NotDelivered(f"the secret {name}: {error}") from None
        text = f"*{_escaped(messages.subject(body))}*\n{_escaped(messages.text(body))}"
        said = json.dumps({"text": text[:SLACK_TEXT_CHARS_MAX]}).encode()
        await self._poster.post(url, said, {})

    async def _apprise(self, name: str, body: bytes) -> None:
        url = self._secret(name)
        try:
            async with asyncio.timeout(self._settings.notify_timeout_s):
                is_sent = await asyncio.to_thread(_send_by_apprise, url, messages.subject(body), messages.text(body))
        except ModuleNotFoundError:
            raise NotDelivered("Apprise is not installed: install penstock-notifications[apprise]") from None
        except TimeoutError:
            raise NotDelivered(f"Apprise did not end within {self._settings.notify_timeout_s:g} s") from None
        except Exception as error:  # of any of its plugins; what it says may name the URL
            raise NotDelivered(f"Apprise failed with {type(error).__name__}") from None
        if not is_sent:
            raise NotDelivered(f"Apprise could not send to the URL of the secret {name}")


def _send_by_apprise(url: str, title: str, body: str) -> bool:
    library: Any = import_module("apprise")  # an extra
    logging.getLogger("apprise").disabled = True  # it writes whole URLs, which are secrets
    sender = library.Apprise()
    return bool(sender.add(url)) and bool(sender.notify(title=title, body=body))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
