"""Who makes the call that is being answered: known to whatever the handler calls."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from penstock_proto.state_tracker.v1 import events_pb2

from .decision import Decision, allowed
from .principal import Kind, Principal, Role
from .rules import Rule


@dataclass(frozen=True, slots=True)
class Call:
    principal: Principal
    request_id: str = ""


# None: access control is off, or nobody has to say who they are.
_CALL: Final[ContextVar[Call | None]] = ContextVar("penstock_call", default=None)
note = _CALL.set
forget = _CALL.reset


def caller() -> Principal | None:
    call = _CALL.get()
    return call.principal if call is not None else None


def visible_teams(role: Role = Role.VIEWER) -> frozenset[str] | None:
    """Return the teams in which the caller has a role; None: in all of them."""
    principal = caller()
    return None if principal is None else principal.teams_with(role)


def narrowed(wanted: str, role: Role = Role.VIEWER) -> list[str] | None:
    """Return the teams that a list is limited to: the wanted one, if any, as far as it is visible; None: no limit."""
    seen = visible_teams(role)
    if seen is None:
        return [wanted] if wanted else None
    return sorted(seen & {wanted} if wanted else seen)


def sees_all() -> bool:
    """Whether the caller sees the runs of all teams."""
    principal = caller()
    return principal is None or principal.kind is Kind.WORKER or principal.may_everything


def sees(team: str, role: Role = Role.VIEWER) -> bool:
    """Whether the caller has a role in a team."""
    principal = caller()
    return principal is None or principal.kind is Kind.WORKER or principal.role_in(team) >= role


def claim(request: Any, rule: Rule, call: Call | None = None) -> Decision:
    """Decide about a request that names its team itself, and write who calls into it.

    One that names none is for the only team in which its caller has the role.
    """
    call = call or _CALL.get()
    if call is None:
        return Decision()
    team = _team_for(call.principal, request, rule.role)
    decision = allowed(call.principal, rule, team)
    if decision.is_allowed and rule.writes_caller:
        write(request.caller, call, team)
    return decision


def _team_for(principal: Principal, request: Any, role: Role) -> str:
    places = (getattr(request, name, None) for name in ("options", "caller"))
    named = getattr(request, "team", "") or next((one.team for one in places if one is not None and one.team), "")
    if named or principal.may_everything:
        return named
    teams = principal.teams_with(role) or frozenset[str]()
    return next(iter(teams)) if len(teams) == 1 else ""


def write(said: events_pb2.Caller, call: Call, team: str) -> None:
    """Write who calls over what the client says; the name of its program stays.

    A service speaks for others, whose names were verified before: what it says stays.
    """
    principal = call.principal
    if principal.kind is not Kind.SERVICE:
        said.user, said.team, said.subject = principal.name or principal.subject, team, principal.subject
        said.source, said.credential = principal.source, principal.credential
    said.request_id = call.request_id
