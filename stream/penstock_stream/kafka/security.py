"""How this process connects to Kafka: in the clear, encrypted, with a certificate or a password of its own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from penstock_service.errors import ServiceError

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class BadKafkaSecurity(ServiceError):
    """The files or the user for Kafka cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What the settings say.

    Attributes:
        ca: File with the authorities of brokers' certificates; with it, connections are encrypted.
        certificate, key: Files that prove who this process is, where brokers ask for that.
        password_file: Of `user`.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    user: str = ""
    password_file: Path | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"

    def options(self) -> dict[str, Any]:
        """Return the options of every client of aiokafka; raise BadKafkaSecurity."""
        if self.user and not self.ca:
            raise BadKafkaSecurity("PENSTOCK_KAFKA_USER requires PENSTOCK_KAFKA_CA: no password is sent in the clear")
        if bool(self.user) != (self.password_file is not None):
            raise BadKafkaSecurity("PENSTOCK_KAFKA_USER and PENSTOCK_KAFKA_PASSWORD_FILE belong together")
        if bool(self.certificate) != bool(self.key) or (self.certificate and not self.ca):
            raise BadKafkaSecurity(
                "PENSTOCK_KAFKA_CERTIFICATE and PENSTOCK_KAFKA_KEY belong together, and require PENSTOCK_KAFKA_CA"
            )
        if not self.ca:
            return {}
        options: dict[str, Any] = {"security_protocol": "SSL", "ssl_context": self._context()}
        if self.user and self.password_file is not None:
            options["security_protocol"] = "SASL_SSL"
            options |= {"sasl_mechanism": self.mechanism, "sasl_plain_username": self.user}
            options["sasl_plain_password"] = _password(self.password_file)
        return options

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error)
            raise BadKafkaSecurity(f"the files for TLS of Kafka cannot be used: {reason}") from None
        return context


_options: dict[str, Any] = {}


def use_security(security: Security) -> None:
    """Let every client that this process makes from now on connect in this way; raise BadKafkaSecurity."""
    global _options
    _options = security.options()


def client_options() -> dict[str, Any]:
    return _options


def _password(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadKafkaSecurity(f"PENSTOCK_KAFKA_PASSWORD_FILE={path} cannot be read") from None
