"""Services that verify who calls: whose runs are seen, what the log says, and what happens when keys change."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from penstock_access.principal import Role
from penstock_proto.access.v1 import service_pb2 as api
from penstock_proto.state_tracker.v1 import service_pb2 as st

from tests.access.secured import ISSUER, Secured, secured, until
from tests.registry.running import refusal
from tests.state_tracker.running import plan_of


@pytest.fixture
async def place(database_url: str) -> AsyncGenerator[Secured]:
    async with secured(database_url) as found:
        yield found


def run_id() -> bytes:
    return uuid.uuid4().bytes


async def test_the_log_says_who_really_called(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.LAUNCHER})
    mine = run_id()
    run = await ada.submit(mine)
    caller = (await ada.tracker.GetRun(st.GetRunRequest(run_id=mine))).run.caller
    assert (caller.user, caller.team, caller.subject, caller.source) == ("ada", "vision", f"{ISSUER}|ada", "oidc")
    assert caller.credential and caller.request_id
    assert run.team == "vision"
    # Again, with a token that was given later: the same request.
    later = await place.member("ada", {"vision": Role.LAUNCHER})
    assert (await later.submit(mine)).submitted_at_us == run.submitted_at_us


async def test_a_run_of_another_team_is_as_if_it_did_not_exist(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.OPERATOR})
    eve = await place.member("eve", {"ads": Role.ADMIN})
    hers = run_id()
    await ada.submit(hers)
    absent = run_id()

    def asked(which: bytes) -> list[Any]:
        return [
            lambda: eve.tracker.GetRun(st.GetRunRequest(run_id=which)),
            lambda: eve.tracker.Cancel(st.CancelRequest(run_id=which)),
            lambda: eve.tracker.RemoveRun(st.RemoveRunRequest(run_id=which)),
            lambda: _all(eve.tracker.Watch(st.WatchRequest(run_id=which))),
            lambda: _all(eve.tracker.Watch(st.WatchRequest(run_id=which, follow=True))),
        ]

    for of_hers, of_none in zip(asked(hers), asked(absent), strict=True):
        said = await refusal(of_hers())
        assert said[0] == "NOT_FOUND"
        assert said == await refusal(of_none())
    results = [one async for one in eve.tracker.Results(iter([st.ResultsRequest(run_ids=[hers, absent])]))]
    assert [each.code for one in results for each in one.results] == [5, 5]
    assert not (await eve.tracker.ListRuns(st.ListRunsRequest())).runs
    assert not (await eve.tracker.ListRuns(st.ListRunsRequest(team="vision"))).runs
    assert not (await eve.tracker.FindRuns(st.FindRunsRequest(part=hers.hex()))).run_ids
    assert [run.run_id for run in (await ada.tracker.ListRuns(st.ListRunsRequest())).runs] == [hers]
    assert list((await ada.tracker.FindRuns(st.FindRunsRequest(part=hers.hex()))).run_ids) == [hers]


async def test_nobody_submits_for_a_team_that_is_not_theirs(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.LAUNCHER, "ads": Role.VIEWER, "search": Role.LAUNCHER})
    for team, code in (("ads", "PERMISSION_DENIED"), ("other", "PERMISSION_DENIED"), ("", "PERMISSION_DENIED")):
        assert (await refusal(ada.submit(run_id(), team)))[0] == code
    assert (await ada.submit(run_id(), "search")).team == "search"
    plan = await ada.put_plan(plan_of([()]).SerializeToString())
    requests = [st.SubmitRequest(run_id=run_id(), plan=plan) for _ in range(2)]
    requests[0].options.team, requests[1].options.team = "ads", "vision"
    outcomes = (await ada.tracker.SubmitMany(st.SubmitManyRequest(requests=requests))).outcomes
    assert [outcome.code for outcome in outcomes] == [7, 0]
    assert outcomes[1].run.caller.user == "ada"


async def test_a_call_without_a_token_or_with_a_bad_one_is_refused_and_noted(place: Secured) -> None:
    nobody = place.with_token("")
    forger = place.with_token("e30.e30.e30")
    assert (await nobody.tracker.Info(st.InfoRequest())).deployment_id
    for one in (nobody, forger):
        assert (await refusal(one.tracker.ListRuns(st.ListRunsRequest())))[0] == "UNAUTHENTICATED"
        assert (await refusal(one.submit(run_id())))[0] == "UNAUTHENTICATED"
    eve = await place.member("eve", {"ads": Role.VIEWER})
    assert (await refusal(eve.submit(run_id())))[0] == "PERMISSION_DENIED"
    admin = await place.admin()

    async def noted() -> bool:
        entries = (await admin.authority.Audit(api.AuditRequest(what="denied"))).entries
        return {entry.subject for entry in entries} >= {"", f"{ISSUER}|eve"}

    await until(noted)
    assert (await refusal(eve.authority.Audit(api.AuditRequest())))[0] == "PERMISSION_DENIED"


async def test_an_api_token_is_exchanged_limited_and_revoked(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.OPERATOR, "ads": Role.OPERATOR})
    made = await ada.authority.CreateToken(api.CreateTokenRequest(name="ci", teams=["ads"], role=api.ROLE_LAUNCHER))
    nobody = place.with_token("")
    given = await nobody.authority.Exchange(api.ExchangeRequest(api_token=made.secret))
    ci = place.with_token(given.access_token)
    me = await ci.authority.WhoAmI(api.WhoAmIRequest())
    assert [(one.team, one.role) for one in me.teams] == [("ads", api.ROLE_LAUNCHER)]
    assert (await ci.submit(run_id())).team == "ads"
    assert (await refusal(ci.authority.CreateToken(api.CreateTokenRequest())))[0] == "PERMISSION_DENIED"
    (listed,) = (await ada.authority.ListTokens(api.ListTokensRequest())).tokens
    assert listed.used_at_us and listed.id == made.token.id and made.secret not in str(listed)
    eve = await place.member("eve", {"ads": Role.ADMIN})
    assert (await refusal(eve.authority.RevokeToken(api.RevokeTokenRequest(id=listed.id))))[0] == "NOT_FOUND"
    await ada.authority.RevokeToken(api.RevokeTokenRequest(id=listed.id))
    for token in (made.secret, made.secret[:-1] + "A", "pst_0_x", ""):
        said = await refusal(nobody.authority.Exchange(api.ExchangeRequest(api_token=token)))
        assert said[0] == "UNAUTHENTICATED"


async def test_members_are_set_by_admins_of_their_team_only(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.ADMIN})
    bob = await place.member("bob", {"vision": Role.OPERATOR})
    set_eve = api.SetMemberRequest(team="vision", subject=f"{ISSUER}|eve", role=api.ROLE_VIEWER)
    assert (await refusal(bob.authority.SetMember(set_eve)))[0] == "PERMISSION_DENIED"
    await ada.authority.SetMember(set_eve)
    for team in ("ads", "*"):
        wanted = api.SetMemberRequest(team=team, subject=f"{ISSUER}|ada", role=api.ROLE_ADMIN)
        assert (await refusal(ada.authority.SetMember(wanted)))[0] == "PERMISSION_DENIED"
    members = (await bob.authority.ListMembers(api.ListMembersRequest())).members
    assert {(one.team, one.subject.rpartition("|")[2]) for one in members} == {
        ("vision", "ada"),
        ("vision", "bob"),
        ("vision", "eve"),
    }


async def test_keys_are_rotated_under_load_and_no_call_fails(place: Secured) -> None:
    ada = await place.member("ada", {"vision": Role.LAUNCHER})
    is_over = False
    calls = 0

    async def load(caller: Any) -> None:
        nonlocal calls
        while not is_over:
            await caller.tracker.ListRuns(st.ListRunsRequest())
            calls += 1

    loads = [asyncio.create_task(load(ada))]
    admin = await place.admin()
    for _ in range(3):
        await admin.authority.RotateKey(api.RotateKeyRequest())
        loads.append(asyncio.create_task(load(await place.member("ada", {"vision": Role.LAUNCHER}))))
        before = calls
        await until(lambda before=before: calls > before + 10)
    is_over = True
    await asyncio.gather(*loads)


async def test_workers_may_work_and_nothing_else(place: Secured) -> None:
    admin = await place.admin()
    made = await admin.authority.CreateToken(api.CreateTokenRequest(subject="workers|gpu", pool="gpu"))
    given = await place.with_token("").authority.Exchange(api.ExchangeRequest(api_token=made.secret))
    worker = place.with_token(given.access_token)
    ada = await place.member("ada", {"vision": Role.LAUNCHER})
    plan = await ada.put_plan(plan_of([()]).SerializeToString())
    assert [one async for one in worker.tracker.GetPlan(st.GetPlanRequest(plan=plan))]
    for call in (
        worker.submit(run_id()),
        worker.tracker.ListRuns(st.ListRunsRequest()),
        worker.authority.ListTokens(api.ListTokensRequest()),
    ):
        assert (await refusal(call))[0] == "PERMISSION_DENIED"


async def _all(stream: Any) -> list[Any]:
    return [one async for one in stream]


async def test_a_stream_ends_with_the_token_of_its_caller(place: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock_registry.authority import issuing

    monkeypatch.setattr(issuing, "ACCESS_S", 2)
    ada = await place.member("ada", {"vision": Role.LAUNCHER})
    mine = run_id()
    await ada.submit(mine)
    said = await refusal(_all(ada.tracker.Watch(st.WatchRequest(run_id=mine, follow=True))))
    assert said[0] == "UNAUTHENTICATED" and "expired" in said[1]


async def test_a_token_of_another_deployment_or_of_a_key_that_is_gone_is_refused(place: Secured) -> None:
    import time

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from penstock_access import tokens
    from penstock_access.principal import Kind, Principal

    forged = Principal(kind=Kind.USER, subject="x|y", is_admin=True, credential="c", expires_s=time.time() + 300)
    for kid in ("unknown", "service"):
        token = tokens.sign(forged, Ed25519PrivateKey.generate(), kid, tokens.SERVICE_AUDIENCE, time.time())
        said = await refusal(place.with_token(token).tracker.ListRuns(st.ListRunsRequest()))
        assert said[0] == "UNAUTHENTICATED" and token not in said[1]
