"""The settings of every service: PENSTOCK_* environment variables, checked when the process starts."""

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from penstock_proto.tls import Tls
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .errors import ServiceError

LOOPBACK = "127.0.0.1"
DSN_SCHEMES: Final = ("postgresql", "postgres")


class BadAddress(ValueError):
    """An address is not HOST:PORT."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid address {text!r}: expected HOST:PORT, such as 127.0.0.1:7733 or [::1]:7733")


class BadDsn(ValueError):
    """A text is not the DSN of a Postgres database. The message does not quote it, since it may contain a password."""

    def __init__(self) -> None:
        super().__init__(
            "invalid DSN: expected postgresql://user:password@host:5432/name; "
            "encode / ? # @ , % in a password as %2F %3F %23 %40 %2C %25"
        )


class UnsafeBind(ServiceError):
    """A service would be open to the network without access control."""

    def __init__(self, variable: str, address: str) -> None:
        super().__init__(
            f"{variable}={address} is open to other machines, but access control is off. Listen on 127.0.0.1, "
            "set PENSTOCK_ACCESS=true, require certificates by PENSTOCK_TLS_CA, or set "
            "PENSTOCK_ALLOW_INSECURE_BIND=true if the network is private"
        )


class IncompleteAccess(ServiceError):
    """Access control is on, but something that it needs is not set."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"PENSTOCK_ACCESS=true also requires {missing}")


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; raise BadAddress."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise BadAddress(address)
    return host, int(port)


def _checked(value: Any) -> str:
    if value:
        split_address(str(value))
    return str(value)


def _dsn(url: str) -> str:
    """Refuse a DSN that would be parsed differently than intended: parts of the password would appear in errors."""
    parts = urlsplit(url)
    if parts.scheme not in DSN_SCHEMES or parts.fragment or "@" in parts.path + parts.query:
        raise BadDsn
    return url


def _several(value: Any) -> Any:
    """Split what the environment gives as one text at its commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Address = Annotated[str, BeforeValidator(_checked), WithJsonSchema({"type": "string", "format": "HOST:PORT"})]
Addresses = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_several)]
Dsn = Annotated[str, AfterValidator(_dsn)]
Dsns = Annotated[tuple[Dsn, ...], NoDecode, BeforeValidator(_several)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)]


class ServiceSettings(BaseSettings):
    """The settings that all services share."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")
    # Of the process, in logs.
    service: ClassVar[str]

    name: str = Field(
        default="",
        description="Name of this instance: unique, and the same after each restart. "
        "Default: the host's name and the port that it listens on.",
    )
    listen: Address = Field(
        default="", description="HOST:PORT that the gRPC server listens on; port 0 selects a free one."
    )
    advertise: Address = Field(
        default="",
        description="HOST:PORT at which others reach this instance. Default: the address that it listens on.",
    )
    allow_insecure_bind: bool = Field(
        default=False,
        description="Allow addresses other than loopback without access control or certificates of callers. "
        "Only use it on a private network.",
    )
    access: bool = Field(
        default=False,
        description="Verify who calls, and what they may do. Without it, only addresses of loopback are listened on.",
    )
    authority: Address = Field(
        default="", description="Address of the registry, which issues access tokens; required with PENSTOCK_ACCESS."
    )
    service_key_file: Path | None = Field(
        default=None,
        description="File with the key that all services of the deployment share, required with PENSTOCK_ACCESS. "
        "`python -m penstock_access key FILE` makes it.",
    )
    public_listen: Address = Field(
        default="",
        description="HOST:PORT of a second address of the gRPC server, with TLS, for callers that have no certificate.",
    )
    tls_ca: str = Field(
        default="",
        description="File with the certificates of the authorities that others are verified against. "
        "With it, connections are encrypted. It is read again once it changes, as are the next two.",
    )
    tls_certificate: str = Field(
        default="", description="File with the certificate of this instance, and those between it and the authority."
    )
    tls_key: str = Field(default="", description="File with the key of the certificate, which only its user may read.")
    tls_client_certificates: bool = Field(
        default=True,
        description="Only accept callers with a certificate of the authorities, on all addresses but "
        "PENSTOCK_PUBLIC_LISTEN.",
    )
    metrics_listen: Address = Field(
        default="", description="HOST:PORT that serves /metrics in Prometheus' text format. Default: not served."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest severity of the messages that are logged, on standard error."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="Format of log messages: one JSON object per line, or text. auto selects text on a terminal.",
    )

    @model_validator(mode="after")
    def _refuse_open_addresses(self) -> Self:
        """Refuse addresses that others reach, unless that is wanted."""
        if not self.has_verified_callers:
            self.check_bind("PENSTOCK_LISTEN", self.listen)
        self.check_bind("PENSTOCK_PUBLIC_LISTEN", self.public_listen)
        self.check_bind("PENSTOCK_METRICS_LISTEN", self.metrics_listen)
        return self

    @model_validator(mode="after")
    def _require_parts_of_access(self) -> Self:
        if self.access and self.service_key_file is None:
            raise IncompleteAccess("PENSTOCK_SERVICE_KEY_FILE: make the file by `python -m penstock_access key FILE`")
        if self.access and not self.authority:
            raise IncompleteAccess("PENSTOCK_AUTHORITY: the address of the registry")
        return self

    def check_bind(self, variable: str, address: str) -> None:
        """Raise UnsafeBind for an address that others reach, unless access control is on or that is wanted."""
        is_guarded = self.access or self.allow_insecure_bind
        if address and not is_guarded and not is_loopback(split_address(address)[0]):
            raise UnsafeBind(variable, address)

    @property
    def tls(self) -> Tls:
        return Tls(self.tls_ca, self.tls_certificate, self.tls_key)

    @property
    def has_verified_callers(self) -> bool:
        """Whether whoever calls at the main address has proven who it is."""
        return bool(self.tls_ca and self.tls_certificate) and self.tls_client_certificates

    @property
    def instance(self) -> str:
        """The name, whether given or derived."""
        return self.name or f"{socket.gethostname()}:{split_address(self.listen)[1]}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host. Of names, only `localhost` is trusted to be."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
