"""Who may do what, for programs: tokens, members of teams, the audit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from penstock_access.principal import Role
from penstock_proto.access.v1 import service_pb2 as api

from .connection import Connection, pages
from .errors import ClientError, Refused

T = TypeVar("T")
PAGE_MAX = 500
LISTED_MAX = 10_000
ROLES = {role.word: role for role in Role if role}


class AccessOff(ClientError):
    """Nobody is verified, so that there is nothing to say about who may do what."""

    def __init__(self) -> None:
        super().__init__(
            "access control is off here: `penstock up --access`, or PENSTOCK_ACCESS of each service, turn it on"
        )


class UnknownRole(ClientError):
    """A role does not exist."""

    def __init__(self, word: str) -> None:
        super().__init__(f"unknown role {word!r}: choose from {', '.join(ROLES)}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this client is.

    Attributes:
        kind: "user", "service" or "worker".
        teams: Its role in each.
        source: How it signed in.
    """

    subject: str
    name: str
    kind: str
    is_admin: bool
    teams: Mapping[str, str]
    source: str
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """An API token, without its secret. Times are microseconds since 1970; 0: never."""

    id: str
    subject: str
    name: str
    teams: Sequence[str]
    role: str
    pool: str
    created_at_us: int
    expires_at_us: int
    used_at_us: int
    revoked_at_us: int


@dataclass(frozen=True, slots=True)
class Member:
    """A role of somebody in a team; team "*" is the deployment."""

    team: str
    subject: str
    role: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that the audit keeps: a denial, a sign-in, a change of rights."""

    at_us: int
    what: str
    subject: str
    credential: str
    service: str
    action: str
    team: str
    detail: str


class AsyncAccess:
    """What `AsyncClient.access` is. Its calls need access control; without it they raise AccessOff."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def whoami(self) -> Identity:
        """Return who this client is, as services see it."""
        found = await self._call("WhoAmI", api.WhoAmIRequest())
        return Identity(
            subject=found.subject,
            name=found.name,
            kind=found.kind,
            is_admin=found.deployment_admin,
            teams={one.team: _word(one.role) for one in found.teams},
            source=found.source,
            expires_at_us=found.expires_at_us,
        )

    async def create_token(
        self,
        name: str = "",
        *,
        subject: str = "",
        teams: Sequence[str] = (),
        role: str = "",
        pool: str = "",
        expires_in_s: int = 0,
    ) -> tuple[str, TokenInfo]:
        """Make an API token; return its secret, which nobody can look up later, and what else there is of it.

        Args:
            subject: Whose token it is; by default this client's own.
            teams, role: Limits, below what the subject may do.
            pool: For workers of this pool, and nothing else.
        """
        request = api.CreateTokenRequest(
            subject=subject, name=name, teams=teams, role=_number(role), pool=pool, expires_in_s=expires_in_s
        )
        made = await self._call("CreateToken", request)
        return made.secret, token_info(made.token)

    async def tokens(self, *, limit: int = LISTED_MAX) -> list[TokenInfo]:
        """Return this client's own tokens, newest first; for an admin of the deployment, those of everybody."""
        found = await pages(self._call, "ListTokens", api.ListTokensRequest(), "tokens", limit, PAGE_MAX)
        return [token_info(one) for one in found]

    async def revoke_token(self, token_id: str) -> TokenInfo:
        """Revoke a token by its id. Access tokens that it was exchanged for end within minutes."""
        return token_info((await self._call("RevokeToken", api.RevokeTokenRequest(id=token_id))).token)

    async def members(self, team: str = "", *, limit: int = LISTED_MAX) -> list[Member]:
        """Return who has which role in a team, or in all teams that this client sees, by team and subject."""
        request = api.ListMembersRequest(team=team)
        return [member(one) for one in await pages(self._call, "ListMembers", request, "members", limit, PAGE_MAX)]

    async def set_member(self, team: str, subject: str, role: str) -> None:
        """Give somebody a role in a team, "" to take it away."""
        await self._call("SetMember", api.SetMemberRequest(team=team, subject=subject, role=_number(role)))

    async def rotate_key(self) -> str:
        """Let access tokens be signed with a new key; return its id. Those that were signed stay valid."""
        return (await self._call("RotateKey", api.RotateKeyRequest())).key_id

    async def audit(self, *, what: str = "", subject: str = "", limit: int = 50) -> list[AuditEntry]:
        """Return entries of the audit, newest first."""
        request = api.AuditRequest(what=what, subject=subject)
        found = await pages(self._call, "Audit", request, "entries", limit, PAGE_MAX)
        return [audit_entry(one) for one in found]

    async def _call(self, method: str, request: Any) -> Any:
        return await call(self._connection, method, request)


class Access:
    """What `Client.access` is: AsyncAccess for code without an event loop."""

    def __init__(self, access: AsyncAccess, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._access, self._wait = access, wait

    def whoami(self) -> Identity:
        """Return who this client is, as services see it."""
        return self._call(self._access.whoami())

    def create_token(self, name: str = "", **wanted: Any) -> tuple[str, TokenInfo]:
        """Make an API token; see AsyncAccess.create_token."""
        return self._call(self._access.create_token(name, **wanted))

    def tokens(self, *, limit: int = LISTED_MAX) -> list[TokenInfo]:
        """Return tokens, newest first; see AsyncAccess.tokens."""
        return self._call(self._access.tokens(limit=limit))

    def revoke_token(self, token_id: str) -> TokenInfo:
        """Revoke a token by its id."""
        return self._call(self._access.revoke_token(token_id))

    def members(self, team: str = "", *, limit: int = LISTED_MAX) -> list[Member]:
        """Return who has which role; see AsyncAccess.members."""
        return self._call(self._access.members(team, limit=limit))

    def set_member(self, team: str, subject: str, role: str) -> None:
        """Give somebody a role in a team, "" to take it away."""
        self._call(self._access.set_member(team, subject, role))

    def rotate_key(self) -> str:
        """Let access tokens be signed with a new key; return its id."""
        return self._call(self._access.rotate_key())

    def audit(self, *, what: str = "", subject: str = "", limit: int = 50) -> list[AuditEntry]:
        """Return entries of the audit, newest first."""
        return self._call(self._access.audit(what=what, subject=subject, limit=limit))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return cast(T, self._wait(work))


async def call(connection: Connection, method: str, request: Any) -> Any:
    """Call the authority; raise AccessOff, Refused, Unreachable."""
    try:
        return await connection.call("authority", method, request)
    except Refused as error:
        if error.code == "UNIMPLEMENTED":
            raise AccessOff from None
        raise


def _word(number: int) -> str:
    return Role(number).word if number else ""


def _number(word: str) -> Any:
    if word and word not in ROLES:
        raise UnknownRole(word)
    return int(ROLES[word]) if word else 0


def member(one: api.Member) -> Member:
    return Member(one.team, one.subject, _word(one.role))


def audit_entry(one: api.AuditEntry) -> AuditEntry:
    return AuditEntry(one.at_us, one.what, one.subject, one.credential, one.service, one.action, one.team, one.detail)


def token_info(one: api.ApiToken) -> TokenInfo:
    return TokenInfo(
        one.id, one.subject, one.name, list(one.teams), _word(one.role), one.pool, one.created_at_us,
        one.expires_at_us, one.used_at_us, one.revoked_at_us,
    )  # fmt: skip
