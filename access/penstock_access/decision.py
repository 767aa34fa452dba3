"""Whether somebody may do something: pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from .principal import Kind, Principal, Role
from .rules import Of, Rule


class Refusal(Enum):
    """What callers are told."""

    DENIED = auto()  # they know that it is there, and may not do this with it
    HIDDEN = auto()  # as if it did not exist


@dataclass(frozen=True, slots=True)
class Decision:
    """Attributes:
    refusal: None: it is allowed.
    reason: What is lacking, for the caller and for the audit.
    """

    refusal: Refusal | None = None
    reason: str = ""

    @property
    def is_allowed(self) -> bool:
        return self.refusal is None


ALLOWED: Final = Decision()


def allowed(principal: Principal | None, rule: Rule | None, team: str | None = None) -> Decision:
    """Return whether a caller may use a method.

    Args:
        principal: None: it has no token.
        rule: Of the method; None: it has none, and is refused.
        team: Of what is asked, where the rule says that it has one; None: it does not exist.
    """
    if rule is None:
        return Decision(Refusal.DENIED, "no rule allows this method")
    if rule.of is Of.NOBODY:
        return ALLOWED
    if principal is None:
        return Decision(Refusal.DENIED, "a token is required")
    if principal.kind is Kind.WORKER:
        return ALLOWED if rule.workers else Decision(Refusal.DENIED, "workers may not do this")
    if principal.may_everything:
        return ALLOWED
    match rule.of:
        case Of.SERVICES | Of.DEPLOYMENT:
            return Decision(Refusal.DENIED, "only admins of the deployment may do this")
        case Of.ANY | Of.EACH:
            if rule.role is Role.NONE or principal.teams_with(rule.role):
                return ALLOWED
            return Decision(Refusal.DENIED, f"the role {rule.role.word} is required, and is held in no team")
        case _:
            return _in_team(principal, rule, team)


def _in_team(principal: Principal, rule: Rule, team: str | None) -> Decision:
    held = Role.NONE if team is None else principal.role_in(team)
    if held >= rule.role:
        return ALLOWED
    if rule.of is not Of.REQUEST and held is Role.NONE:
        return Decision(Refusal.HIDDEN, "it does not exist, or belongs to another team")
    reason = f"the role {rule.role.word} is required in team {team!r}"
    return Decision(Refusal.DENIED, f"{reason}, and {held.word} is held" if held else f"{reason}")
