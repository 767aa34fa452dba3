"""The rules for access control, certificates and the gateway. No I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from .facts import Facts
from .findings import Finding, error, ok, warning

DAY_S: Final = 86_400
# Access tokens are valid for five minutes; services accept them 10 s before and after.
CLOCKS_APART_S_MAX: Final = 10.0
KEY_AGE_DAYS_MAX: Final = 180
CERTIFICATE_DAYS_MIN: Final = 7


def access(facts: Facts) -> Iterator[Finding]:
    """Callers are verified, with a key that is not old, by clocks that agree."""
    found = facts.access
    if found is None:
        return
    if not found.is_on:
        yield from _without(facts)
        return
    if found.trouble:
        text = f"the authority does not respond: {found.trouble}"
        yield error("access", text, "start the registry: until then nobody gets a new access token")
        return
    days = int(found.key_age_s / DAY_S)
    text = f"access control is on; access tokens are signed with a key that is {days} days old"
    if days > KEY_AGE_DAYS_MAX:
        yield warning("access", text, "penstock tokens rotate-key: nobody has to sign in again")
    else:
        yield ok("access", text)
    if abs(found.ahead_s) > CLOCKS_APART_S_MAX:
        word = "ahead" if found.ahead_s > 0 else "behind"
        text = f"the clock of the authority is {abs(found.ahead_s):.0f} s {word}: its tokens may be refused"
        yield error("access", text, "synchronise the clocks by NTP")
    if found.provider_trouble:
        text = f"the identity provider does not respond here: {found.provider_trouble}"
        yield warning("access", text, "new sign-ins fail; sessions and API tokens continue")
    elif found.provider:
        yield ok("access", f"the identity provider {found.provider} responds")


def _without(facts: Facts) -> Iterator[Finding]:
    if facts.has_client_certificate:
        yield ok("access", "access control is off; services require certificates of their callers")
    elif _is_loopback(facts.processes[0].address):
        yield ok("access", "access control is off; services listen on loopback")
    else:
        yield warning(
            "access",
            "access control is off: everybody who reaches the services may do everything",
            "docs/access.md says how to turn it on",
        )


def certificates(facts: Facts) -> Iterator[Finding]:
    """No certificate is about to expire."""
    soon = {
        address: left_s
        for address, left_s in facts.certificates_left_s.items()
        if left_s < CERTIFICATE_DAYS_MIN * DAY_S
    }
    for address, left_s in soon.items():
        text = f"the certificate at {address} expires in {left_s / 3600:.0f} hours"
        yield warning("certificates", text, "issue a new one into the same file: it is used without a restart")
    if facts.certificates_left_s and not soon:
        days = int(min(facts.certificates_left_s.values()) / DAY_S)
        yield ok("certificates", f"all {len(facts.certificates_left_s)} are valid for {days} days or more")


def gateway(facts: Facts) -> Iterator[Finding]:
    """The REST API answers."""
    found = facts.gateway
    if found is None:
        return
    if found.trouble:
        text = f"the gateway at {found.url} does not respond: {found.trouble}"
        yield error("gateway", text, "start it, and check its log")
    else:
        yield ok("gateway", f"the gateway at {found.url} is healthy")


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
