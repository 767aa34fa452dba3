"""Every method of every service has a rule, and each rule means what its role says."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import penstock_proto
import pytest
from penstock_access import certificates
from penstock_access.certificates import CALLS
from penstock_access.decision import Refusal, allowed
from penstock_access.principal import DEPLOYMENT, Kind, Principal, Role
from penstock_access.rules import RULES, Of

# Of gRPC itself, served by every service.
GRPC = {"Health/Check", "Health/List", "Health/Watch", "ServerReflection/ServerReflectionInfo"}


def methods() -> Iterator[str]:
    for module in pkgutil.walk_packages(penstock_proto.__path__, "penstock_proto."):
        if module.name.endswith("_pb2"):
            for service in importlib.import_module(module.name).DESCRIPTOR.services_by_name.values():
                yield from (f"{service.name}/{method.name}" for method in service.methods)


METHODS = sorted(methods())


def person(role: Role, team: str = "vision", **more: object) -> Principal:
    return Principal(kind=Kind.USER, subject="i|p", teams={team: role} if role else {}, **more)  # type: ignore[arg-type]


def test_every_method_has_a_rule_and_every_rule_a_method() -> None:
    assert len(METHODS) > 50
    assert set(METHODS) | GRPC == set(RULES)


def test_a_method_without_a_rule_is_refused_to_everybody() -> None:
    for one in (None, person(Role.ADMIN), person(Role.ADMIN, is_admin=True)):
        assert allowed(one, RULES.get("Service/New"), "vision").refusal is Refusal.DENIED


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
@pytest.mark.parametrize("method", METHODS)
def test_a_role_may_what_is_of_its_rank_and_no_more(method: str, role: Role) -> None:
    rule = RULES[method]
    decision = allowed(person(role), rule, "vision")
    if rule.of is Of.NOBODY:
        assert decision.is_allowed
    elif rule.of in (Of.SERVICES, Of.DEPLOYMENT):
        assert not decision.is_allowed
    else:
        assert decision.is_allowed is (role >= rule.role)


@pytest.mark.parametrize("method", METHODS)
def test_nobody_reaches_another_team(method: str) -> None:
    rule = RULES[method]
    decision = allowed(person(Role.ADMIN, "other"), rule, "vision")
    if rule.of in (Of.RUN, Of.WORKFLOW):
        assert decision.refusal is Refusal.HIDDEN
        # As if it did not exist: in the very same words.
        assert decision == allowed(person(Role.ADMIN, "other"), rule, None)
    elif rule.of is Of.REQUEST:
        assert decision.refusal is Refusal.DENIED


@pytest.mark.parametrize("method", METHODS)
def test_without_a_token_only_what_is_open(method: str) -> None:
    assert allowed(None, RULES[method], "vision").is_allowed is (RULES[method].of is Of.NOBODY)


@pytest.mark.parametrize("method", METHODS)
def test_admins_of_the_deployment_and_services_may_everything(method: str) -> None:
    assert allowed(person(Role.NONE, is_admin=True), RULES[method]).is_allowed
    assert allowed(Principal(kind=Kind.SERVICE, subject="s"), RULES[method]).is_allowed


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_may_only_what_workers_do(method: str) -> None:
    worker = Principal(kind=Kind.WORKER, subject="w", pool="gpu", teams={"vision": Role.ADMIN})
    rule = RULES[method]
    assert allowed(worker, rule, "vision").is_allowed is (rule.workers or rule.of is Of.NOBODY)


def test_a_role_in_a_team_called_like_the_deployment_is_no_right_in_it() -> None:
    assert not allowed(person(Role.ADMIN, DEPLOYMENT), RULES["AuthorityService/RotateKey"]).is_allowed


CALLERS = [*CALLS, "worker", "user", ""]


@pytest.mark.parametrize("role", CALLERS)
def test_a_certificate_never_allows_more_than_its_role(role: str) -> None:
    identity = f"spiffe://fleet/{role}/one" if role else ""
    admin, service = person(Role.NONE, is_admin=True), Principal(kind=Kind.SERVICE, subject="s")
    for method in METHODS:
        rule = RULES[method]
        may_admin, may_service = (
            certificates.allowed(one, rule, method, identity, is_known=True).is_allowed for one in (admin, service)
        )
        if role in CALLS:
            assert may_service is (method in CALLS[role]), method
            assert may_admin is (role == "gateway" or method in CALLS[role]), method
        elif role == "worker":
            assert may_admin is may_service is rule.workers, method
        else:
            assert may_admin and may_service, method


def test_a_service_without_a_certificate_is_nobody_where_callers_have_one() -> None:
    service = Principal(kind=Kind.SERVICE, subject="s")
    method = "StateTrackerService/Read"
    assert not certificates.allowed(service, RULES[method], method, "", is_known=False).is_allowed
    assert certificates.allowed(person(Role.VIEWER), RULES[method], method, "", is_known=False).is_allowed


def test_what_services_call_exists_and_needs_a_right() -> None:
    for methods in CALLS.values():
        assert methods <= set(RULES)
        assert all(RULES[one].of is not Of.NOBODY for one in methods)
