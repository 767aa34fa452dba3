"""What channels, rules and other requests must fulfil."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from penstock_plan.secrets import SecretError, check_name
from penstock_proto.notifications.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1.events_pb2 import Caller

from ..errors import BadRequest

NAME_CHARS_MAX: Final = 64
TEXT_CHARS_MAX: Final = 255
URL_CHARS_MAX: Final = 2_000
RECIPIENTS_MAX: Final = 20
RETRIED_MAX: Final = 1_000
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Of the addresses that mail servers take, those without quotes and comments.
ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")


def check_channel(channel: api.Channel, caller: Caller) -> None:
    """Raise BadRequest unless the channel can be used."""
    check_thing("channel", channel.name)
    check_text("team", channel.team)
    check_caller(caller)
    match channel.WhichOneof("target"):
        case "webhook":
            check_url(channel.webhook.url)
            if channel.webhook.secret:
                check_secret(channel.webhook.secret)
        case "email":
            check_recipients(channel.email.to)
        case "slack":
            check_secret(channel.slack.url_secret)
        case "apprise":
            check_secret(channel.apprise.url_secret)
        case _:
            raise BadRequest("a channel needs a target: a webhook, e-mail addresses, Slack or Apprise")


def check_rule(rule: api.Rule, caller: Caller) -> None:
    """Raise BadRequest unless the rule can be used."""
    check_thing("rule", rule.name)
    check_thing("channel", rule.channel)
    check_text("workflow", rule.workflow)
    check_text("team", rule.team)
    check_caller(caller)
    known = set(api.Kind.values()) - {api.KIND_UNSPECIFIED}
    if not rule.kinds or not known.issuperset(rule.kinds):
        raise BadRequest("a rule needs kinds of ends: succeeded, failed, cancelled, or several of them")


def check_thing(what: str, name: str) -> None:
    if len(name) > NAME_CHARS_MAX or not NAME.fullmatch(name):
        raise BadRequest(
            f"invalid name of a {what} {name[:NAME_CHARS_MAX]!r}: expected letters, digits, '.', '_' and '-', "
            f"at most {NAME_CHARS_MAX} characters"
        )


def check_text(what: str, text: str) -> None:
    if len(text) > TEXT_CHARS_MAX or any(char < " " or char == "\x7f" for char in text):
        raise BadRequest(
            f"invalid {what}: expected at most {TEXT_CHARS_MAX} characters, none of them a control character"
        )


def check_caller(caller: Caller) -> None:
    for what, text in (("user", caller.user), ("team", caller.team), ("client", caller.client)):
        check_text(f"caller.{what}", text)


def check_url(url: str) -> None:
    """Refuse a URL that would be read differently than intended. The text does not quote it: it may hold a token."""
    problem = _problem_of_url(url)
    if problem:
        raise BadRequest(f"invalid URL of a webhook: {problem}")


def check_recipients(addresses: Sequence[str]) -> None:
    if not 1 <= len(addresses) <= RECIPIENTS_MAX:
        raise BadRequest(f"expected 1 to {RECIPIENTS_MAX} e-mail addresses, not {len(addresses)}")
    for address in addresses:
        if len(address) > 254 or not ADDRESS.fullmatch(address):
            raise BadRequest(
                f"invalid e-mail address {address[:100]!r}: expected NAME@HOST, without quotes or comments"
            )


def check_secret(name: str) -> None:
    try:
        check_name(name)
    except SecretError as error:
        raise BadRequest(str(error)) from None


def check_ids(ids: Sequence[str], channel: str) -> None:
    if len(ids) > RETRIED_MAX:
        raise BadRequest(f"at most {RETRIED_MAX} deliveries can be named, not {len(ids)}")
    if bool(ids) == bool(channel):
        raise BadRequest("name either deliveries or a channel")


def _problem_of_url(url: str) -> str:
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return f"expected at most {URL_CHARS_MAX:,} printable ASCII characters without spaces and backslashes"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it cannot be read"
    if parts.scheme not in ("https", "http"):
        return "expected https://HOST/..."
    if "@" in parts.netloc:
        return "it contains a user or password; sign with a secret instead"
    if not parts.hostname or not HOST.fullmatch(parts.hostname) or port == 0:
        return "it names no host"
    return "it has a fragment, '#...'" if parts.fragment else ""
