"""A small authority for certificates, for development and for deployments that have none of their own."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from penstock_proto.tls import Tls
from penstock_service.certificates import SPIFFE

from .errors import StackError

CA_FILE, CA_KEY_FILE = "ca.pem", "ca-key.pem"
CA_DAYS: Final = 3_650
DAYS: Final = 90
LOCAL: Final = ("localhost", "127.0.0.1")
# Clocks of hosts differ.
SKEW: Final = timedelta(minutes=5)
DEPLOYMENT: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
ROLE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
HOST: Final = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class BadRequest(StackError):
    """A certificate cannot be issued as asked."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate of the authority, as files."""

    ca: Path
    certificate: Path
    key: Path
    identity: str
    ends: datetime

    @property
    def tls(self) -> Tls:
        return Tls(str(self.ca), str(self.certificate), str(self.key))


def make_authority(folder: Path, deployment: str, now: datetime | None = None) -> Path:
    """Make an authority in a folder, which is private; return its certificate. Raises BadRequest."""
    _check(DEPLOYMENT, deployment, "deployment", "small letters, digits, dots and dashes")
    if (folder / CA_FILE).exists() or (folder / CA_KEY_FILE).exists():
        raise BadRequest(f"{folder} has an authority already: remove it first, and all that it issued is worthless")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, now = ec.generate_private_key(ec.SECP256R1()), now or datetime.now(UTC)
    subject = _subject(f"Penstock authority of {deployment}")
    builder = _builder(subject, subject, key.public_key(), key.public_key(), now, now + timedelta(days=CA_DAYS))
    usage = _usage(signs=True)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"{SPIFFE}{deployment}")])
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.add_extension(usage, critical=True).add_extension(names, critical=False)
    _write(folder / CA_KEY_FILE, _key_bytes(key), 0o600)
    _write(folder / CA_FILE, _pem(certificate.sign(key, hashes.SHA256())), 0o644)
    return folder / CA_FILE


def issue(
    folder: Path,
    role: str,
    name: str = "",
    *,
    hosts: Sequence[str] = LOCAL,
    days: float = DAYS,
    now: datetime | None = None,
) -> Issued:
    """Issue a certificate of `spiffe://DEPLOYMENT/ROLE/NAME`, in place of one of that name. Raises BadRequest.

    Args:
        folder: Of the authority; the files are written there.
        hosts: Names and addresses by which it is called.
    """
    name = name or role
    _check(ROLE, role, "role", "small letters, digits and dashes")
    _check(NAME, name, "name", "letters, digits, dots, dashes and underscores")
    if days <= 0:
        raise BadRequest("a certificate needs at least a part of a day")
    authority, authority_key, deployment = _authority(folder)
    now = now or datetime.now(UTC)
    ends = now + timedelta(days=days)
    if ends > authority.not_valid_after_utc:
        raise BadRequest(f"the authority ends at {authority.not_valid_after_utc:%Y-%m-%d}: ask for fewer days")
    key, identity = ec.generate_private_key(ec.SECP256R1()), f"{SPIFFE}{deployment}/{role}/{name}"
    names = x509.SubjectAlternativeName([*map(_host, hosts), x509.UniformResourceIdentifier(identity)])
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    signing = authority_key.public_key()
    builder = _builder(_subject(name), authority.subject, key.public_key(), signing, now, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True).add_extension(names, critical=False)
    certificate = builder.add_extension(uses, critical=False).sign(authority_key, hashes.SHA256())
    path, key_path = folder / f"{name}.pem", folder / f"{name}-key.pem"
    if path.name == CA_FILE or key_path.name == CA_KEY_FILE:
        raise BadRequest(f"name {name!r} is the authority's own")
    _write(key_path, _key_bytes(key), 0o600)
    _write(path, _pem(certificate), 0o644)
    return Issued(folder / CA_FILE, path, key_path, identity, ends)


def issue_of(folder: Path, deployment: str, role: str, *, hosts: Sequence[str] = LOCAL) -> Issued:
    """Issue a certificate of the authority in a folder, which is made if it is not there. Raises BadRequest."""
    if not (folder / CA_FILE).exists():
        make_authority(folder, deployment)
    return issue(folder, role, hosts=hosts)


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, str]:
    try:
        certificate = x509.load_pem_x509_certificate((folder / CA_FILE).read_bytes())
        key = serialization.load_pem_private_key((folder / CA_KEY_FILE).read_bytes(), None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (identity,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    except OSError as error:
        raise BadRequest(f"{folder} has no authority: `penstock certs init {folder}` makes one") from error
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise BadRequest(f"the authority in {folder} was not made by `penstock certs init`") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BadRequest(f"{CA_KEY_FILE} in {folder} is not the key of {CA_FILE}")
    return certificate, key, identity.removeprefix(SPIFFE)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signing: ec.EllipticCurvePublicKey,
    now: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    # By which an authority is told from its successor of the same name.
    ids = (
        x509.SubjectKeyIdentifier.from_public_key(key),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing),
    )
    for one in ids:
        builder = builder.add_extension(one, critical=False)
    return builder.not_valid_before(now - SKEW).not_valid_after(ends)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        _check(HOST, host, "host", "a name or an address, without a port")
        return x509.DNSName(host)


def _check(pattern: re.Pattern[str], text: str, what: str, accepted: str) -> None:
    if not pattern.fullmatch(text):
        raise BadRequest(f"invalid {what} {text!r}: expected {accepted}")


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, format_, serialization.NoEncryption())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file at once, so that nobody reads a part of it."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)
