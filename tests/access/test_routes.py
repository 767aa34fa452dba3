"""The routes about access: their examples, their pages, what each role may do, and what schemathesis finds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from penstock_access.decision import allowed
from penstock_access.principal import DEPLOYMENT, Kind, Principal, Role
from penstock_access.rules import RULES
from penstock_gateway.app import Gateway

from tests.access.secured import ISSUER, Secured, secured
from tests.gateway.test_openapi import DOCUMENT, Examples, is_about_access, operations, schema_of, schemathesis

TOKEN_EXAMPLE = "0123456789abcdef"
TEAM = "vision"
# Method of the authority, by operation.
ASKS = {
    ("GET", "/v1/whoami"): "WhoAmI",
    ("GET", "/v1/tokens"): "ListTokens",
    ("POST", "/v1/tokens"): "CreateToken",
    ("DELETE", "/v1/tokens/{id}"): "RevokeToken",
    ("GET", "/v1/members"): "ListMembers",
    ("PUT", "/v1/teams/{team}/members"): "SetMember",
    ("DELETE", "/v1/teams/{team}/members"): "SetMember",
    ("POST", "/v1/keys:rotate"): "RotateKey",
    ("GET", "/v1/audit"): "Audit",
}


@pytest.fixture
async def place(database_url: str) -> AsyncGenerator[Secured]:
    async with secured(database_url) as found:
        yield found


@pytest.fixture
async def web(place: Secured) -> AsyncGenerator[httpx.AsyncClient]:
    gateway = Gateway(place.address)
    await gateway.start()
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}/v1", trust_env=False, timeout=60) as client:
        yield client
    await gateway.stop()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


async def asked(web: httpx.AsyncClient, token: str, method: str, path: str, examples: Examples) -> httpx.Response:
    request = examples.request(method, path)
    return await web.request(method, **request | {"headers": request.get("headers", {}) | bearer(token)})


def test_each_operation_is_about_a_method_of_the_authority() -> None:
    assert {one for one in operations() if is_about_access(*one)} == set(ASKS)


async def test_the_examples_work_for_an_admin_of_the_deployment(place: Secured, web: httpx.AsyncClient) -> None:
    admin = await place.token_of("root", {DEPLOYMENT: Role.ADMIN})
    made = (await web.post("/tokens", json={"name": "own"}, headers=bearer(admin))).json()
    examples = Examples({TOKEN_EXAMPLE: made["about"]["id"]})
    for method, path in ASKS:
        answer = await asked(web, admin, method, path, examples)
        assert answer.status_code < 400, (method, path, answer.text)
        described = DOCUMENT["paths"][path][method.lower()]["responses"][str(answer.status_code)]["content"]
        name = described["application/json"]["schema"]["$ref"].rpartition("/")[2]
        jsonschema.Draft202012Validator(schema_of(name)).validate(answer.json())
    ended = await web.get("/whoami", headers=bearer(made["token"]))
    assert ended.status_code == 401


async def test_each_role_may_do_over_rest_what_its_rule_says(place: Secured, web: httpx.AsyncClient) -> None:
    examples = Examples({})
    for role in (None, *Role, "other team", "deployment"):
        teams = {DEPLOYMENT: Role.ADMIN} if role == "deployment" else {"other" if isinstance(role, str) else TEAM: role}
        held = {team: one if isinstance(one, Role) else Role.ADMIN for team, one in teams.items() if one is not None}
        who = Principal(kind=Kind.USER, subject=f"{ISSUER}|p", teams=held, is_admin=role == "deployment")
        token = "" if role is None else await place.token_of(f"someone {role}", held)
        for (method, path), rpc in ASKS.items():
            decision = allowed(None if role is None else who, RULES[f"AuthorityService/{rpc}"], TEAM)
            answer = await asked(web, token, method, path, examples)
            # Only admins of the deployment make tokens for others, as the example does.
            is_allowed = decision.is_allowed and (rpc != "CreateToken" or role == "deployment")
            refused = 401 if role is None else 403
            assert (answer.status_code == refused) is not is_allowed, (role, method, path, answer.text)


async def test_lists_come_in_pages_whatever_their_names_are(place: Secured, web: httpx.AsyncClient) -> None:
    admin = bearer(await place.token_of("root", {DEPLOYMENT: Role.ADMIN}))
    subjects = [f"local|{'ü' * 190}{number}" for number in range(5)] + ["https://id.example/a b|c/d", "group|x&y=z"]
    for subject in subjects:
        params = {"subject": subject}
        answer = await web.put(f"/teams/{'é' * 20}/members", params=params, json={"role": "viewer"}, headers=admin)
        assert answer.status_code == 200, answer.text
        await web.post("/tokens", json={"subject": subject, "days": 1}, headers=admin)
    for path, key in (("/members", "members"), ("/tokens", "tokens"), ("/audit", "entries")):
        everything = (await web.get(path, params={"limit": 500}, headers=admin)).json()
        assert everything["next"] is None and len(everything[key]) > len(subjects) - 1
        found: list[Any] = []
        after = ""
        while after is not None:
            page = (await web.get(path, params={"limit": 2, "after": after}, headers=admin)).json()
            found += page[key]
            after = page["next"]
        assert found == everything[key]
        foreign = await web.get(path, params={"after": "A" * 40}, headers=admin)
        assert foreign.status_code == 404


async def test_schemathesis_finds_nothing(place: Secured, web: httpx.AsyncClient, tmp_path: Path) -> None:
    token = await place.token_of("root", {DEPLOYMENT: Role.ADMIN})
    config = Path(__file__).with_name("schemathesis.toml")
    words = ("--include-tag=access", f"--header=Authorization: Bearer {token}", "--max-examples=3")
    done = await asyncio.to_thread(schemathesis, str(web.base_url).rstrip("/"), tmp_path, config, *words)
    assert done.returncode == 0, done.stdout
