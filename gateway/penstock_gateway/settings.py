"""The settings of a gateway."""

from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from penstock_access.provider import BadProvider, check_issuer
from penstock_proto.tls import Tls
from penstock_service.errors import ServiceError
from penstock_service.settings import Address, Addresses, Names, ServiceSettings, is_loopback
from pydantic import Field, model_validator

from .edge.sign_in import SignInOptions

HTTP_PORT: Final = 7780
ARTIFACT_BYTES_MAX: Final = 64 * 2**30
UPLOAD_BYTES_MAX: Final = 2 * 2**30


class IncompleteSettings(ServiceError):
    """Something that the settings ask for needs more of them."""


class Settings(ServiceSettings):
    """The gateway: the REST API. It keeps no state, so that any number of instances can run side by side."""

    service: ClassVar[str] = "penstock-gateway"

    listen: Address = Field(
        default="127.0.0.1:7740", description="HOST:PORT that the gRPC server listens on, only for health checks."
    )
    http_listen: Address = Field(
        default=f"127.0.0.1:{HTTP_PORT}", description="HOST:PORT that the REST API listens on, over HTTP."
    )
    http_port_shared: bool = Field(
        default=False,
        description="Let several gateways of this machine listen on the same port: the kernel gives each connection to "
        "one of them. Each uses one core.",
    )
    state_trackers: Addresses = Field(
        min_length=1,
        description="Addresses of State Trackers: while the first does not respond, the next one is called.",
    )
    action_services: Addresses = Field(
        default=(), description="Addresses of all Action Services. Default: as the State Tracker says."
    )
    artifact_store: Address = Field(
        default="", description="Address of the artifact store. Default: as the State Tracker says."
    )
    registry: Address = Field(default="", description="Address of the registry. Default: as the State Tracker says.")
    http_hosts: Names = Field(
        default=(),
        description="Host names by which clients reach the REST API, such as penstock.example.org, besides loopback. "
        "A request for another host is refused, which protects against DNS rebinding.",
    )
    http_origins: Names = Field(
        default=(),
        description="Origins of web pages that may call the REST API besides its own, such as "
        "https://console.example.org.",
    )
    http_tls_certificate: str = Field(
        default="",
        description="File with the certificate of the REST API, which is then served over HTTPS. It is read again once "
        "it changes, as is the next.",
    )
    http_tls_key: str = Field(default="", description="File with the key of that certificate.")
    http_url: str = Field(
        default="",
        description="URL by which browsers reach the REST API, such as https://penstock.example.org; required to "
        "sign in.",
    )
    oidc_issuer: str = Field(
        default="",
        description="Identity provider (OpenID Connect) that people sign in with, as at the registry. "
        "Default: nobody signs in with a browser.",
    )
    oidc_client: str = Field(default="", description="Client id of the gateway at the identity provider.")
    oidc_secret_file: Path | None = Field(
        default=None, description="File with the secret of that client. Default: a public client."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="Scopes that are asked for at sign-in, separated by spaces."
    )
    artifact_bytes_max: int = Field(
        default=ARTIFACT_BYTES_MAX, ge=1, le=2**50, description="Largest artifact that can be uploaded."
    )

    upload_bytes_max: int = Field(
        default=UPLOAD_BYTES_MAX,
        ge=1,
        le=2**50,
        description="Largest file that can be posted for an input. It is kept in the folder for temporary files until "
        "all of it is there.",
    )

    triggers: str = Field(
        default="", description="Path of a TOML file with triggers: deliveries of other programs that start runs."
    )

    @model_validator(mode="after")
    def _http_closed(self) -> "Settings":
        """Refuse an address that others reach, unless that is wanted."""
        self.check_bind("PENSTOCK_HTTP_LISTEN", self.http_listen)
        return self

    @model_validator(mode="after")
    def _complete_sign_in(self) -> "Settings":
        """Refuse a sign-in that could not work."""
        if bool(self.http_tls_certificate) != bool(self.http_tls_key):
            raise IncompleteSettings("PENSTOCK_HTTP_TLS_CERTIFICATE and PENSTOCK_HTTP_TLS_KEY belong together")
        if not self.oidc_issuer:
            return self
        if not self.oidc_client or not self.http_url:
            raise IncompleteSettings("PENSTOCK_OIDC_ISSUER also requires PENSTOCK_OIDC_CLIENT and PENSTOCK_HTTP_URL")
        try:
            check_issuer(self.oidc_issuer)
        except BadProvider as error:
            raise IncompleteSettings(str(error)) from None
        parts = urlsplit(self.http_url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not is_safe or parts.path.strip("/") or parts.query or parts.fragment:
            raise IncompleteSettings(f"invalid PENSTOCK_HTTP_URL {self.http_url!r}: expected https://HOST[:PORT]")
        return self

    @property
    def tls_of_http(self) -> Tls | None:
        certificate = self.http_tls_certificate
        return Tls(certificate=certificate, key=self.http_tls_key) if certificate else None

    def read_sign_in(self) -> SignInOptions | None:
        """Return how people sign in; None if they do not. Raises IncompleteSettings."""
        if not self.oidc_issuer:
            return None
        try:
            secret = self.oidc_secret_file.expanduser().read_text().strip() if self.oidc_secret_file else ""
        except (OSError, UnicodeDecodeError):
            raise IncompleteSettings(f"PENSTOCK_OIDC_SECRET_FILE={self.oidc_secret_file} cannot be read") from None
        return SignInOptions(
            issuer=self.oidc_issuer,
            client=self.oidc_client,
            secret=secret,
            url=self.http_url.rstrip("/"),
            scopes=self.oidc_scopes,
        )
