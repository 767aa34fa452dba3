"""What every service is told by its environment: PENSTOCK_* variables, checked when the process starts."""

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
    """No HOST:PORT."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no HOST:PORT, such as 127.0.0.1:7733 or [::1]:7733")


class BadDsn(ValueError):
    """No DSN of a Postgres database. The text does not quote it, for the sake of its password."""

    def __init__(self) -> None:
        super().__init__(
            "no DSN such as postgresql://user:password@host:5432/name; "
            "/ ? # @ , % in a password are written as %2F %3F %23 %40 %2C %25"
        )


class UnsafeBind(ServiceError):
    """A service would be open to the network without encryption and access control."""

    def __init__(self, variable: str, address: str) -> None:
        super().__init__(
            f"{variable}={address} is open to other machines, and there is no TLS and no access control yet. "
            "Listen on 127.0.0.1, or say PENSTOCK_ALLOW_INSECURE_BIND=true if the network is closed to others"
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
    """Refuse what would be read otherwise than it is meant: parts of the password would turn up in errors."""
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
    """What all services have in common."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")
    # Of the process, in logs.
    service: ClassVar[str]

    name: str = Field(
        default="",
        description="Who this instance is: kept over restarts, and different from every other instance's. "
        "If empty, the host's name and the port that it listens on.",
    )
    listen: Address = Field(
        default="", description="HOST:PORT that the gRPC server listens on; port 0 takes a free one."
    )
    advertise: Address = Field(
        default="", description="HOST:PORT at which others reach this instance; what it listens on, if empty."
    )
    allow_insecure_bind: bool = Field(
        default=False,
        description="Whether to listen on other addresses than loopback, although there is no TLS and no access "
        "control yet. Only on a network that is closed to others.",
    )
    metrics_listen: Address = Field(
        default="", description="HOST:PORT that answers /metrics in Prometheus' text format; nowhere if empty."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity of what is logged, on standard error."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="One JSON object a line, or text; auto is text on a terminal."
    )

    @model_validator(mode="after")
    def _closed(self) -> Self:
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
