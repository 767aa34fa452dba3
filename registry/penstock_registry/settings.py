"""The settings of a registry."""

from typing import ClassVar, Final

from penstock_access.id_tokens import Expected
from penstock_access.provider import BadProvider, check_issuer
from penstock_service.settings import Address, Addresses, Dsn, Names
from penstock_stream.settings import StreamSettings
from pydantic import Field, field_validator

from .authority.provider import SignIn
from .authority.service import People
from .publication import Broker

HOUR_S: Final = 3_600


class Settings(StreamSettings):
    """The registry: names, versions and aliases of workflows and their types."""

    service: ClassVar[str] = "penstock-registry"

    listen: Address = Field(
        default="127.0.0.1:7738", description="HOST:PORT that the gRPC server listens on; clients connect to it."
    )
    state_trackers: Addresses = Field(min_length=1, description="Addresses of all State Trackers.")
    database_url: Dsn = Field(
        description="DSN of the Postgres database with the registry's log; the same for all registries. It may be one "
        "of the State Tracker's.",
    )
    oidc_issuer: str = Field(
        default="",
        description="Identity provider (OpenID Connect) that people sign in with: https://HOST, as its tokens say in "
        "`iss`. Default: nobody signs in, API tokens are used.",
    )
    oidc_clients: Names = Field(
        default=(), description="Client ids, at the identity provider, whose ID tokens are accepted: the gateway's."
    )
    oidc_command_line_client: str = Field(
        default="", description="Client id of `penstock login`: a public client that may use the device flow."
    )
    oidc_groups_claim: str = Field(
        default="groups", description="Claim of ID tokens with the groups of a person, which can be members of teams."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="Scopes that `penstock login` asks for, separated by spaces."
    )
    session_hours: int = Field(
        default=12,
        ge=1,
        le=720,
        description="A session ends after this time. The groups of a person are those of the last sign-in.",
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _safe_issuer(cls, issuer: str) -> str:
        try:
            return check_issuer(issuer) if issuer else ""
        except BadProvider as error:
            raise ValueError(str(error)) from None

    @property
    def broker(self) -> Broker | None:
        """Where the log is published; None if it is not."""
        return Broker(self.kafka, self.topic_prefix) if self.kafka else None

    @property
    def people(self) -> People | None:
        """How people sign in; None if nobody does."""
        clients = tuple(filter(None, (*self.oidc_clients, self.oidc_command_line_client)))
        if not self.oidc_issuer or not clients:
            return None
        expected = Expected(issuer=self.oidc_issuer, clients=clients, groups_claim=self.oidc_groups_claim)
        return People(
            sign_in=SignIn(expected),
            session_s=self.session_hours * HOUR_S,
            command_line_client=self.oidc_command_line_client,
            scopes=self.oidc_scopes,
        )
