"""The settings of every service: PENSTOCK_* environment variables, checked when the process starts."""

import ipaddress
import socket
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

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
    """A service would be open to the network without encryption and access control."""

    def __init__(self, variable: str, address: str) -> None:
        super().__init__(
            f"{variable}={address} is open to other machines, but TLS and access control do not exist yet. "
            "Listen on 127.0.0.1, or set PENSTOCK_ALLOW_INSECURE_BIND=true if the network is private"
        )


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
        description="Allow addresses other than loopback, although TLS and access control do not exist yet. "
        "Only use it on a private network.",
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
        for variable, address in (("PENSTOCK_LISTEN", self.listen), ("PENSTOCK_METRICS_LISTEN", self.metrics_listen)):
            if address and not self.allow_insecure_bind and not is_loopback(split_address(address)[0]):
                raise UnsafeBind(variable, address)
        return self

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
