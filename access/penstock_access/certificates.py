"""What the certificate of a caller allows: never more than its token does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .decision import ALLOWED, Decision, Refusal
from .principal import Kind, Principal
from .rules import Rule

WORKER: Final = "worker"
GATEWAY: Final = "gateway"

_NOTE: Final = frozenset({"AuthorityService/Note"})
_LOGS: Final = frozenset({"StateTrackerService/Heads", "StateTrackerService/Read", "StateTrackerService/Snapshot"})
_PLANS: Final = frozenset({"StateTrackerService/GetPlan"})
_INSTRUCTIONS: Final = frozenset(
    {"DependencyManagerService/Heads", "DependencyManagerService/Read", "DependencyManagerService/Snapshot"}
)
_RUNS: Final = frozenset({"StateTrackerService/GetRun"})

# The methods that each service calls, by the role in its certificate: SPIFFE://DEPLOYMENT/ROLE/NAME. What everybody may
# call without a token is not listed. A gateway calls with the tokens of its users, and has no rights of its own.
CALLS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "state-tracker": _NOTE | {"StateTrackerService/SubmitMany", "StateTrackerService/Retry"},
        "dependency-manager": _NOTE | _LOGS | _PLANS,
        "action-service": _NOTE
        | _LOGS
        | _INSTRUCTIONS
        | _RUNS
        | {"StateTrackerService/ReadValues", "StateTrackerService/Report"},
        "artifact-store": _NOTE | _RUNS,
        "registry": _NOTE | _PLANS,
        "history": _NOTE | _LOGS | _PLANS | _RUNS | {"StateTrackerService/ListRemoved"},
        "notifications": _NOTE | _LOGS | _PLANS | _RUNS,
        "tracer": _NOTE | _LOGS | _PLANS | _RUNS,
        GATEWAY: _NOTE,
    }
)


def role_of(identity: str) -> str:
    """Return the role of spiffe://DEPLOYMENT/ROLE/NAME; empty if that is not its form."""
    parts = identity.split("/")
    return parts[3] if len(parts) == 5 else ""


def allowed(principal: Principal, rule: Rule | None, method: str, identity: str, *, is_known: bool) -> Decision:
    """Return whether a caller's certificate lets it call a method that its token may allow.

    Args:
        identity: The SPIFFE ID in its certificate; empty if there is none in it.
        is_known: Whether it has a certificate.
    """
    if principal.kind is Kind.SERVICE and not is_known:
        return Decision(Refusal.DENIED, "a service calls with its certificate")
    role = role_of(identity)
    if role == WORKER:
        is_allowed = rule is not None and rule.workers
    elif role == GATEWAY and principal.kind is Kind.USER:
        is_allowed = True
    else:
        is_allowed = role not in CALLS or method in CALLS[role]
    return ALLOWED if is_allowed else Decision(Refusal.DENIED, f"the certificate of a {role} does not allow this")
