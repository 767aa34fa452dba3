"""Certificates of a service: refused at the start if they cannot work, and read as the identity of a caller."""

import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from cryptography import x509
from penstock_observability import metrics
from penstock_observability.scraped import Stop
from penstock_proto.tls import CERTIFICATE, KEY, Tls, TlsError

from .errors import ServiceError

SPIFFE: Final = "spiffe://"
# Before its end, a certificate that nobody renews is worth a warning.
RENEW_DAYS: Final = 3

log = logging.getLogger(__name__)


class BadCertificate(ServiceError):
    """The files for TLS cannot be used."""


def check(tls: Tls, now: datetime | None = None) -> None:
    """Raise BadCertificate unless a server can use the files; without any there is nothing to check."""
    if not tls.is_used:
        return
    if not tls.certificate or not tls.key:
        raise BadCertificate(f"a service with TLS needs its own certificate: set {CERTIFICATE} and {KEY}")
    try:
        tls.read()
        found = x509.load_pem_x509_certificates(Path(tls.certificate).read_bytes())[0]
    except (TlsError, ValueError) as error:
        raise BadCertificate(str(error)) from None
    _check_key(tls.key)
    now = now or datetime.now(UTC)
    if now >= found.not_valid_after_utc:
        raise BadCertificate(f"certificate {tls.certificate} expired at {found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < found.not_valid_before_utc:
        since = f"{found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise BadCertificate(f"certificate {tls.certificate} is valid from {since} on: is the clock right?")
    if (found.not_valid_after_utc - now).days < RENEW_DAYS:
        log.warning("certificate %s expires at %s", tls.certificate, found.not_valid_after_utc)
    if not _names(found):
        raise BadCertificate(
            f"certificate {tls.certificate} names no host: clients compare the address with its subjectAltName"
        )


def watch(tls: Tls) -> Stop:
    """Let the metrics show how long the certificate in a file lasts; the answer ends that."""

    def look() -> Iterator[tuple[Sequence[str], float]]:
        with suppress(OSError, ValueError):  # it is being replaced: the next look finds it
            found = x509.load_pem_x509_certificates(Path(tls.certificate).read_bytes())[0]
            yield (), (found.not_valid_after_utc - datetime.now(UTC)).total_seconds()

    return metrics.CERTIFICATE_LEFT.register(look) if tls.certificate else lambda: None


def peer_identity(context: Any) -> str:
    """Return the SPIFFE ID of a caller's verified certificate; empty if it has none, or the call is not encrypted.

    It is proven by an authority of PENSTOCK_TLS_CA, such as spiffe://DEPLOYMENT/state-tracker/NAME.
    """
    found = cast("list[bytes]", context.auth_context().get("peer_spiffe_id", []))
    return found[0].decode() if len(found) == 1 else ""


def has_certificate(context: Any) -> bool:
    """Whether a caller has shown a certificate, which was verified."""
    return bool(context.auth_context().get("x509_pem_cert"))


def _check_key(path: str) -> None:
    """Refuse a key that other users of the machine read. A group may: Kubernetes mounts secrets so."""
    mode = os.stat(path).st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise BadCertificate(f"key {path} is open to every user of this machine: chmod 600 {path}")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return [*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)]
