"""Who calls: a person or a program, a service of the deployment, or a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

# In memberships, stands for the deployment as a whole.
DEPLOYMENT: Final = "*"
# Stands for the team of what belongs to none, and may be seen by the members of all.
EVERYBODYS: Final = "**"


class Role(IntEnum):
    """What a member may do in a team; each includes those before. The numbers are those of access.v1.Role."""

    NONE = 0
    VIEWER = 1
    LAUNCHER = 2
    OPERATOR = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Kind(StrEnum):
    USER = "user"
    SERVICE = "service"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A verified caller.

    Attributes:
        subject: Who it is, for ever: "ISSUER|SUBJECT", or "service" and "worker".
        name: For people.
        teams: Its role in each team.
        is_admin: Of the deployment: may do everything.
        pool: That a worker belongs to.
        source: How it signed in: "oidc", "api_token", "service" or "worker".
        credential: Id of the token that it used.
        expires_s: Unix time at which it is no longer verified.
    """

    kind: Kind
    subject: str
    name: str = ""
    teams: Mapping[str, Role] = field(default_factory=dict[str, Role])
    is_admin: bool = False
    pool: str = ""
    source: str = ""
    credential: str = ""
    expires_s: float = float("inf")

    @property
    def may_everything(self) -> bool:
        return self.is_admin or self.kind is Kind.SERVICE

    def role_in(self, team: str) -> Role:
        if self.may_everything:
            return Role.ADMIN
        if team == EVERYBODYS:
            return Role.VIEWER if self.teams else Role.NONE
        return self.teams.get(team, Role.NONE)

    def teams_with(self, role: Role) -> frozenset[str] | None:
        """Return the teams in which the role is held; None: in all of them."""
        if self.may_everything:
            return None
        return frozenset(team for team, held in self.teams.items() if held >= role)
