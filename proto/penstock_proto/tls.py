"""TLS of gRPC: the files that a process uses, and credentials that follow their renewal without a restart."""

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

CA, CERTIFICATE, KEY = "PENSTOCK_TLS_CA", "PENSTOCK_TLS_CERTIFICATE", "PENSTOCK_TLS_KEY"
ENCRYPTED: Final = ("grpcs://", "https://")
PLAIN: Final = ("grpc://", "http://")
# What gRPC says when the other side ends a connection before the first call.
CLOSED: Final = ("Socket closed", "Connection reset", "recvmsg", "Broken pipe")

Stamp = tuple[tuple[int, int, int], ...]

log = logging.getLogger(__name__)


class TlsError(Exception):
    """The files for TLS cannot be used."""


class Pems(NamedTuple):
    """The contents of the files; None where there is no file."""

    ca: bytes | None
    key: bytes | None
    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of one side of a connection; without any, connections are not encrypted.

    Attributes:
        ca: Certificates of the authorities that the other side is verified against.
        certificate, key: Prove who this process is, to clients and to servers.
        is_forced: Encrypt although there are no files: verified against the authorities that gRPC brings.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    is_forced: bool = False

    @property
    def is_used(self) -> bool:
        return self.is_forced or bool(self.ca or self.certificate)

    def read(self) -> Pems:
        """Return the contents of the files; raise TlsError if they are not usable together."""
        if bool(self.certificate) != bool(self.key):
            raise TlsError(f"{CERTIFICATE} and {KEY} belong together: set both or neither")
        pems = Pems(*(_read(path) if path else None for path in (self.ca, self.key, self.certificate)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except (ssl.SSLError, OSError, ValueError) as error:
                raise TlsError(f"certificate {self.certificate} and key {self.key}: {_reason(error)}") from None
        if self.ca:
            try:
                context.load_verify_locations(self.ca)
            except (ssl.SSLError, OSError) as error:
                raise TlsError(f"{self.ca} has no certificates in PEM format: {_reason(error)}") from None
        return pems

    def stamp(self) -> Stamp:
        """Return what changes when a file is replaced or written; raise OSError if one is missing."""
        found = (os.stat(path) for path in (self.ca, self.certificate, self.key) if path)
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


class Renewal:
    """Reads the files again once they have changed. Files that do not fit each other yet are left alone."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._complaint = ""
        self._stamp, self.pems = _stamped(tls)

    def has_new(self) -> bool:
        """Whether there are new files, which `pems` then has."""
        try:
            if self._tls.stamp() == self._stamp:
                return False
            stamp, pems = _stamped(self._tls)
        except (TlsError, OSError) as error:
            if str(error) != self._complaint:
                log.warning("the renewed certificate is not used: %s", error)
            self._complaint = str(error)
            return False
        log.info("certificates were renewed")
        self._stamp, self.pems, self._complaint = stamp, pems, ""
        return True


def from_environment(environment: Mapping[str, str] = os.environ) -> Tls:
    """Return what the variables of a process say."""
    return Tls(environment.get(CA, ""), environment.get(CERTIFICATE, ""), environment.get(KEY, ""))


_chosen: Tls | None = None


def choose(tls: Tls) -> None:
    """Let this process use these files for all connections that do not name others."""
    global _chosen
    _chosen = tls


def chosen() -> Tls:
    """Return what this process uses: what was chosen, or what its environment says."""
    return from_environment() if _chosen is None else _chosen


def split_scheme(address: str, tls: Tls) -> tuple[str, Tls]:
    """Return HOST:PORT and how it is called, of an address that may say so: grpcs://HOST:PORT, grpc://HOST:PORT."""
    for scheme in ENCRYPTED:
        if address.startswith(scheme):
            return address.removeprefix(scheme).rstrip("/"), tls if tls.is_used else Tls(is_forced=True)
    for scheme in PLAIN:
        if address.startswith(scheme):
            return address.removeprefix(scheme).rstrip("/"), Tls()
    return address, tls


def channel_credentials(pems: Pems) -> Any:
    """Return gRPC's credentials of a client."""
    return _grpc().ssl_channel_credentials(*pems)


def server_credentials(tls: Tls, *, client_certificates: bool) -> Any:
    """Return gRPC's credentials of a server: each new connection gets the files as they are then.

    Args:
        client_certificates: Refuse clients without a certificate of the authority.
    """
    grpc, renewal = _grpc(), Renewal(tls)

    def configuration() -> Any:
        pems = renewal.pems
        return grpc.ssl_server_certificate_configuration([(pems.key, pems.certificate)], root_certificates=pems.ca)

    return grpc.dynamic_ssl_server_credentials(
        configuration(),
        lambda: configuration() if renewal.has_new() else None,
        require_client_authentication=client_certificates,
    )


def refusal(details: str) -> str:
    """Return in words why a server is not trusted, or does not use TLS; empty if that is not the reason."""
    if "certificate has expired" in details:
        return "its certificate has expired: issue a new one"
    if "CERTIFICATE_VERIFY_FAILED" in details or "certificate signature failure" in details:
        return f"its certificate is not of an authority that is trusted here: {CA} has to name the right one"
    if "Hostname Verification Check failed" in details:
        return "its certificate is for other names: use one of them as the address, or issue one for this name"
    if "WRONG_VERSION_NUMBER" in details:
        return f"it does not use TLS: unset {CA}, or call it as grpc://HOST:PORT"
    return ""


def failure(details: str, tls: Tls) -> str:
    """Return in words what TLS has to do with a failure to connect; empty if it is something else."""
    if why := refusal(details):
        return why
    if "failed to connect" not in details or not any(one in details for one in CLOSED):
        return ""
    if tls.certificate:
        return f"it closes the connection: it may not accept the certificate {tls.certificate}"
    if tls.is_used:
        return f"it closes the connection: it may require a client certificate, set {CERTIFICATE} and {KEY}"
    return f"it closes the connection: it may require TLS, set {CA}"


def _grpc() -> Any:
    import grpc  # which commands that call nobody do without

    return grpc


def _stamped(tls: Tls) -> tuple[Stamp, Pems]:
    """Read the files; the stamp is from before, so that the next look finds what is written meanwhile."""
    try:
        stamp = tls.stamp()
    except OSError as error:
        raise TlsError(f"{error.filename} cannot be read: {error.strerror}") from None
    return stamp, tls.read()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from None


def _reason(error: Exception) -> str:
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    if isinstance(error, ssl.SSLError):
        return "not a certificate and a key in PEM format, without a password"
    return str(error)
