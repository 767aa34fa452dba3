"""The bodies of answers about who may do what, as OpenAPI describes them."""

from pydantic import Field

from .fields import Body, Role, Time

NEXT = "Pass it as `after` to get the next page; null: this is the last one."


class Identity(Body):
    """Who calls, as the services see them."""

    subject: str
    name: str
    kind: str = Field(description="It is user, service or worker.")
    deployment_admin: bool
    teams: dict[str, Role]
    source: str = Field(description="The way they signed in, such as oidc or api_token.")
    expires_at: Time


class ApiToken(Body):
    """An API token without its secret. No teams, role or pool: it has no such limit."""

    id: str
    subject: str
    name: str
    teams: list[str]
    role: Role | None
    pool: str | None
    created_at: Time
    expires_at: Time
    used_at: Time | None
    revoked_at: Time | None


class NewToken(Body):
    token: str = Field(description="The secret. It cannot be read later.")
    about: ApiToken


class Tokens(Body):
    tokens: list[ApiToken]
    next: str | None = Field(description=NEXT)


class Member(Body):
    """The role of somebody in a team; the team `*` is the deployment."""

    team: str
    subject: str
    role: Role


class Members(Body):
    members: list[Member]
    next: str | None = Field(description=NEXT)


class RemovedMember(Body):
    team: str
    subject: str


class SigningKey(Body):
    key_id: str


class AuditEntry(Body):
    """A denial, a sign-in or a change of rights."""

    at: Time
    what: str
    subject: str | None = Field(description="Null: the caller was unknown.")
    credential: str | None = Field(description="Id of the token.")
    service: str
    action: str
    team: str | None
    detail: str


class Audit(Body):
    entries: list[AuditEntry]
    next: str | None = Field(description=NEXT)
