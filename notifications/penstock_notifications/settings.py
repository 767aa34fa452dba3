"""The settings of a notifications service."""

import ipaddress
from typing import Annotated, Any, ClassVar, Final, Literal

from penstock_service.settings import Address, Addresses, Dsn
from penstock_stream.settings import StreamSettings
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HOUR_S: Final = 3_600.0
DAY_S: Final = 24 * HOUR_S


def _networks(value: Any) -> tuple[Network, ...]:
    parts: list[Any] = value.split(",") if isinstance(value, str) else list(value)
    return tuple(ipaddress.ip_network(str(part).strip()) for part in parts if str(part).strip())


Networks = Annotated[
    tuple[Network, ...],
    NoDecode,
    BeforeValidator(_networks),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]


class Sending(BaseSettings):
    """How messages are sent."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")

    secrets_folder: str = Field(
        default="",
        description="Folder with a file for each secret that channels name, with mode 0600. "
        "Default: only environment variables, such as PENSTOCK_SECRET_HOOKS for the secret hooks.",
    )
    notify_networks: Networks = Field(
        default=(),
        description="Private networks that webhooks may reach, such as 10.1.0.0/16. Default: only public addresses. "
        "http:// is allowed only within these networks.",
    )
    notify_timeout_s: float = Field(default=15.0, gt=0, le=60, description="Longest time that one attempt may take.")
    notify_retry_s: float = Field(
        default=DAY_S, ge=0, le=30 * DAY_S, description="Time for which a delivery is tried again before it is dead."
    )
    notify_keep_s: float = Field(
        default=30 * DAY_S, ge=HOUR_S, description="Time for which deliveries that ended are kept in lists."
    )
    smtp: Address = Field(default="", description="HOST:PORT of the SMTP server. Default: e-mail is not sent.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="Encryption of the connection to the SMTP server. none: only for a server on this machine.",
    )
    smtp_from: str = Field(default="", description="Sender of e-mail, such as penstock@example.org.")
    smtp_user: str = Field(default="", description="User at the SMTP server. Default: no sign-in.")
    smtp_password_secret: str = Field(
        default="smtp-password", description="Name of the secret that is the password of the user at the SMTP server."
    )


class Settings(StreamSettings, Sending):
    """The notifications service: tells somebody when a run ends."""

    service: ClassVar[str] = "penstock-notifications"

    listen: Address = Field(default="127.0.0.1:7742", description="HOST:PORT that the gRPC server listens on.")
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    database_url: Dsn = Field(
        description="DSN of the Postgres database with channels, rules and deliveries; the same for all notifications "
        "services. It may be any database: the tables are in a schema of their own.",
    )
